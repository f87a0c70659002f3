"""From a folder of images to clusters and a report in one command: `irl-inr run`.

    irl-inr run DIR --out RESULTS
    irl-inr run DIR --out RESULTS --num-clusters 8 --budget 60
    irl-inr run FILE.npy --out RESULTS --data.labels_path=LABELS.csv

Inspects the images, chooses settings that suit their number, their size and this machine, trains, chooses the number of
clusters (unless --num-clusters or class labels give it), clusters, and writes a report. What was chosen is printed and
kept in RESULTS/plan.json. The same command continues where it was stopped; another request needs another RESULTS.

PATH is a folder, a pattern, a table or a file of many images, as for `irl-inr inspect`. --config.KEY=VALUE sets a key
of the configuration instead of choosing it, and --data.KEY=VALUE is short for --config.data.KEY=VALUE. With --config
PRESET the settings are those of the preset, and its length too unless there is a --budget.
"""

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.configuration import define_config, read_config
from irl_inr_jax.commands.evaluate import check_number
from irl_inr_jax.commands.flags import run_command
from irl_inr_jax.commands.inspect import expand_arguments
from irl_inr_jax.commands.report import read_results, write_report
from irl_inr_jax.commands.run_choice import extend_plan, make_plan
from irl_inr_jax.commands.run_plan import (
    announce,
    check_outside,
    check_same_images,
    list_overrides,
    make_request,
    read_plan,
)

if TYPE_CHECKING:
    from irl_inr_jax.types import Dataset

PRESET = "images"
_WITH_VALUE = ("out", "budget", "num_clusters")


def main(arguments: Sequence[str]) -> int:
    """Run every step that `arguments` request and return the exit status."""
    given = expand_arguments(arguments, preset="", with_value=_WITH_VALUE)
    preset = given[0].partition("=")[2] or None
    if preset is None:
        given[0] = f"--config={PRESET}"
    names = list_overrides(given)
    return run_command(define_flags, lambda values: run(values, names=names, preset=preset), given, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    define_config(values, arguments)
    flags.DEFINE_string("out", None, "folder of the results", flag_values=values)
    flags.DEFINE_string(
        "num_clusters",
        "",
        "number of clusters, or auto; default: the number of classes, or auto without classes",
        flag_values=values,
    )
    flags.DEFINE_float(
        "budget",
        None,
        "minutes of training that its length is estimated for, 0 for no bound; default: 20 on a CPU, no bound on other "
        "devices. A larger one continues a finished run",
        lower_bound=0,
        flag_values=values,
    )


def run(values: flags.FlagValues, *, names: Sequence[str], preset: str | None) -> int:
    """Take the steps that are left and return the exit status.

    names: keys that the user set. preset: the configuration that the user named, or None.
    """
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.recipe import set_keys
    from irl_inr_jax.config.storage import flatten
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.training.workdir_lock import lock_workdir
    from irl_inr_jax.types import InputError
    from irl_inr_jax.workflows.train_run import train

    config = read_config(values)
    assert config is not None  # `expand_arguments` names a preset
    if values.out is None:
        raise InputError("expected --out RESULTS, the folder of the results; see --help")
    check_number(values.num_clusters)
    if values.budget is not None and not math.isfinite(values.budget):
        raise InputError(f"expected a number of minutes for --budget, found {values.budget}; 0 sets no bound")
    check_config(config)
    check_outside(Path(values.out), config.data.path)
    folder, keys = Path(values.out), flatten(config)
    overrides = {name: keys[name] for name in names}
    request = make_request(
        path=config.data.path,
        preset=preset,
        overrides=overrides,
        num_clusters=values.num_clusters,
        budget=values.budget,
    )
    plan = read_plan(folder, request)
    with lock_workdir(folder, "training") if folder.is_dir() else contextlib.nullcontext():
        if plan is None:
            plan, dataset = make_plan(config, request, folder, overrides)
        else:
            set_keys(config, plan.settings)
            dataset = make_dataset(config.data)
            check_same_images(plan, dataset, folder)
            announce(1, f"done earlier: {folder / 'inspect'}")
            if plan.request["--budget"] != request["--budget"]:
                plan = extend_plan(plan, request, config, dataset, folder=folder, overrides=overrides)
            announce(2, plan.summary)
    check_config(config)

    announce(3, f"{folder / 'checkpoints'}")
    status = train(config, folder, dataset)
    if status:
        return status
    cluster(config, folder, dataset, num_clusters=values.num_clusters)
    announce(5, "report.html")
    print(describe_end(folder, write_report(folder)))
    return 0


def cluster(config: ConfigDict, folder: Path, dataset: "Dataset", *, num_clusters: str) -> None:
    """Cluster the images, unless the newest checkpoint has been evaluated, and print the scores and the verdict."""
    from irl_inr_jax.evaluation.pipeline import EvaluationOptions
    from irl_inr_jax.report.results_table import describe_results
    from irl_inr_jax.training.checkpoint import newest_step
    from irl_inr_jax.workflows.evaluate_run import evaluate_run, list_clusterers

    results = find_results(folder, num_clusters)
    if results is not None and results["step"] == newest_step(folder / "checkpoints"):
        announce(4, "done earlier")
    else:
        is_chosen = not num_clusters and not dataset.class_names and not config.evaluation.num_clusters
        announce(4, ", ".join(config.evaluation.clusterers) + (", after k is chosen" if is_chosen else ""))
        options = EvaluationOptions(
            split="auto",
            transductive=False,
            clusterers=list_clusterers(config.evaluation.clusterers),
            num_clusters="auto" if is_chosen else num_clusters,
            num_seeds=1,
            folder=folder / "eval" / "clusterings",
            scores_only=False,
        )
        results, _ = evaluate_run(folder, config, dataset, options, overrides=[], with_figures=True)
    print(f"\n{describe_results(results)}\n", flush=True)


def find_results(folder: Path, num_clusters: str) -> dict | None:
    """Return the results of an earlier `cluster` with the same number of clusters, or None.

    Those of an `irl-inr evaluate` with other options do not count.
    """
    from irl_inr_jax.types import InputError

    try:
        results = read_results(folder / "eval" / "results.json")
    except InputError:
        return None
    used, source = (results["num_clusters"].get(key) for key in ("used", "source"))
    is_same = (used == int(num_clusters)) if num_clusters.isdecimal() else source != "requested"
    has_all = "verdict" in results and results["options"] == {"transductive": False, "set": []}
    return results if is_same and has_all and (num_clusters != "auto" or source == "chosen") else None


def describe_end(folder: Path, report: Path) -> str:
    """Return the paths of the results, the report first."""
    lines = [
        f"{report}: open it in a browser",
        f"{folder / 'eval' / 'clusters.csv'}: the cluster of each image by each clusterer",
        f"{folder / 'eval'}: results.json, embeddings.npz and figures",
    ]
    return "\n".join(lines)
