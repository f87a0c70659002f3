"""Write a page to look at the clusters of an evaluated run: `irl-inr report`.

    irl-inr report --workdir runs/digits

Writes DIR/report.html, one file that opens in a browser without a server or a network, also from a mail attachment: the
scores and the loss curve, a map of all images with lasso selection, each cluster with its typical, ambiguous and
outlying members as taken or upright, each image with its pose and its nearest images under all rotations, two
clusterings compared, and renaming, merging and moving, whose edits the page downloads as a file.

The clusterers, the split and the number of clusters are those of the last `irl-inr evaluate`, whose clusterings are
reused. Above 20,000 images only a part of each cluster has thumbnails. A map by UMAP needs pip install umap-learn.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.commands.flags import run_command

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Write the report that `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("workdir", None, "folder of an evaluated run", flag_values=values)
    flags.DEFINE_string("output", None, "file to write; default: DIR/report.html", flag_values=values)


def run(values: flags.FlagValues) -> int:
    """Write the report and return the exit status."""
    from irl_inr_jax.types import InputError

    if values.workdir is None:
        raise InputError("expected --workdir DIR, the folder of an evaluated run; see --help")
    output = None if values.output is None else Path(values.output)
    if output is not None and not output.absolute().parent.is_dir():
        raise InputError(f"expected --output in a folder that exists, found {output}; make {output.parent} first")
    path = write_report(Path(values.workdir), output)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB): open it in a browser")
    return 0


def write_report(workdir: Path, output: Path | None = None) -> Path:
    """Write the page of the last evaluation of a run and return its path, by default workdir/report.html.

    Raises InputError if the run has not been evaluated, or the run or its images have changed since.
    """
    from irl_inr_jax.config.storage import AFTER_TRAINING, from_json
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.evaluation.comparison import BASELINE
    from irl_inr_jax.evaluation.curated_evaluation import curate_evaluation
    from irl_inr_jax.evaluation.pipeline import EvaluationOptions, evaluate
    from irl_inr_jax.report.html.content import describe_report
    from irl_inr_jax.report.html.page import write_page
    from irl_inr_jax.training.logging import read_metrics
    from irl_inr_jax.training.trained import load_trained
    from irl_inr_jax.types import InputError
    from irl_inr_jax.workflows.spread_corrections import read_next_rows

    results = read_results(workdir / "eval" / "results.json")
    options = results["options"]
    config = from_json(workdir / "config.json")
    override_config(config, options["set"], blocks=AFTER_TRAINING)
    dataset = make_dataset(config.data)
    trained, step = load_trained(workdir, config, dataset)
    again = f"irl-inr evaluate --workdir {workdir}"
    if step != results["step"]:
        raise InputError(f"expected results of step {step}, found those of step {results['step']}; run {again} again")
    clusterers = [name for name, entry in results["clustering"].items() if "skipped" not in entry and name != BASELINE]
    evaluation = evaluate(
        trained,
        dataset,
        config,
        EvaluationOptions(
            split=results["data"]["split"],
            transductive=options["transductive"],
            clusterers=clusterers,
            num_clusters=str(results["num_clusters"]["used"]),
            num_seeds=1,
            folder=workdir / "eval" / "clusterings",
            scores_only=True,
        ),
    )
    if evaluation.results["data"]["sha256"] != results["data"]["sha256"]:
        raise InputError(f"expected the images that were evaluated, found others; run {again} again")
    logger.info("placing the images on a map and drawing the clusters")
    curated = curate_evaluation(workdir, evaluation)
    content = describe_report(results, evaluation, dataset, metrics=read_metrics(workdir), curated=curated)
    for entry in content["clusterings"]:
        entry["next"] = read_next_rows(workdir, evaluation.split.images.ids, entry["name"], raw=content["raw_csv"])
    path = workdir / "report.html" if output is None else output
    write_page(path, content)
    return path


def read_results(path: Path) -> dict:
    """Return the content of results.json. Raises InputError if it is missing, damaged or of an earlier version."""
    from irl_inr_jax.config.checked_files import read_json
    from irl_inr_jax.types import InputError

    advice = f"irl-inr evaluate --workdir {path.parent.parent}"
    try:
        results = read_json(path)
    except FileNotFoundError:
        raise InputError(f"expected results of an evaluation in {path}, found none; run {advice} first") from None
    except (ValueError, OSError) as error:
        raise InputError(
            f"expected results as written in {path}, found a damaged file ({error}); run {advice} again"
        ) from None
    if "options" not in results:
        raise InputError(f"expected the options of the evaluation in {path}, found none; run {advice} again")
    return results
