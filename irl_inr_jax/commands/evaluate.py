"""Cluster and score the images of a trained run: `irl-inr evaluate`.

    irl-inr evaluate --workdir runs/digits
    irl-inr evaluate --workdir runs/digits --clusterers kmeans,scan --seeds 5
    irl-inr evaluate --workdir runs/mine --clusterers all --num-clusters auto
    irl-inr evaluate --workdir runs/mine --clusterers scan --set clustering.scan.augment=r+t

Where a test split is held out, clusterers are fitted to the training split and assign the test split, unless
--transductive is given or they can only cluster the images they are fitted to; the table reports which. --num-clusters
auto recommends a number of clusters, or reports that there is no clear one. --set changes the settings of clusterers,
which irl_inr_jax/config documents. --report scores omits figures, verdict, pose, invariance and reconstruction.

Prints one table and a verdict that needs no labels; a bad finding is marked ! and says what to do. Writes DIR/eval:
results.json (every number), clusters.csv (id, cluster and confidence by each clusterer, outlier score), embeddings.npz
(id, latents, theta, tau, label) and figures as PNG. Clusterings are stored in DIR/eval/clusterings, so that a later
call computes only those that are missing. In a checkout, python evaluate.py takes the same flags.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.commands.flags import run_command

if TYPE_CHECKING:
    from irl_inr_jax.evaluation.pipeline import EvaluationOptions


def main(arguments: Sequence[str]) -> int:
    """Evaluate a run as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("workdir", None, "folder of a trained run", flag_values=values)
    flags.DEFINE_list(
        "clusterers",
        None,
        "comma-separated names, or all; default: evaluation.clusterers of the configuration. Names: kmeans, "
        "agglomerative, agglomerative_average, agglomerative_complete, gmm, diffusion, consensus, dbscan, hdbscan, "
        "umap_kmeans, dec, iic, scan, orbit_knn, orbit_selflabel",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "split",
        "auto",
        ["auto", "train", "test"],
        "which images; auto is test, or train where no test images are held out",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "transductive",
        False,
        "cluster the test images alone, without fitting to the training images",
        flag_values=values,
    )
    flags.DEFINE_string(
        "num_clusters", "", "number of clusters, or auto; default: the configuration's", flag_values=values
    )
    flags.DEFINE_integer(
        "seeds", 1, "runs of each random clusterer, for mean and standard deviation", lower_bound=1, flag_values=values
    )
    flags.DEFINE_enum(
        "report",
        "full",
        ["full", "numbers", "scores"],
        "numbers: no figures; scores: neither figures nor verdict, pose, invariance and reconstruction",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "set", [], "KEY=VALUE, a setting of evaluation or clustering; may be repeated", flag_values=values
    )


def run(values: flags.FlagValues) -> int:
    """Evaluate the newest checkpoint, print the results and return the exit status."""
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import AFTER_TRAINING, from_json
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.report.results_table import describe_results
    from irl_inr_jax.types import InputError
    from irl_inr_jax.workflows.evaluate_run import evaluate_run

    if values.workdir is None:
        raise InputError("expected --workdir DIR, the folder of a run; see --help")
    check_flags(values)
    workdir = Path(values.workdir)
    config = from_json(workdir / "config.json")
    override_config(config, values.set, blocks=AFTER_TRAINING)
    check_config(config)
    options = read_options(values, config, workdir / "eval")
    results, figures = evaluate_run(
        workdir,
        config,
        make_dataset(config.data),
        options,
        overrides=list(values.set),
        with_figures=values.report == "full",
    )
    print(f"\n{describe_results(results)}\n")
    names = ", ".join(path.name for path in figures)
    described = f" and {len(figures)} figures ({names})" if figures else ""
    print(f"{workdir / 'eval'}: results.json, clusters.csv, embeddings.npz{described}")
    return 0


def check_flags(values: flags.FlagValues) -> None:
    """Raise InputError for unknown clusterers and invalid numbers of clusters."""
    from irl_inr_jax.workflows.evaluate_run import list_clusterers

    list_clusterers(values.clusterers or ())
    check_number(values.num_clusters)


def check_number(number: str) -> None:
    """Raise InputError unless --num-clusters is a number of at least 1, auto, or not given."""
    from irl_inr_jax.types import InputError

    if number not in ("", "auto") and not (number.isdecimal() and int(number) >= 1):
        raise InputError(f"expected a number of at least 1, or auto, for --num-clusters, found {number!r}")


def read_options(values: flags.FlagValues, config: ConfigDict, folder: Path) -> "EvaluationOptions":
    """Return the options that the flags request, with the clusterers of the configuration if they name none."""
    from irl_inr_jax.evaluation.pipeline import EvaluationOptions
    from irl_inr_jax.workflows.evaluate_run import list_clusterers

    return EvaluationOptions(
        split=values.split,
        transductive=values.transductive,
        clusterers=list_clusterers(config.evaluation.clusterers if values.clusterers is None else values.clusterers),
        num_clusters=values.num_clusters,
        num_seeds=values.seeds,
        folder=folder / "clusterings",
        scores_only=values.report == "scores",
    )
