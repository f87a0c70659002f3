"""Cluster the images of a trained run by their latents, and measure what was learnt.

    python evaluate.py --workdir runs/digits
    python evaluate.py --workdir runs/digits --clusterers kmeans,scan --seeds 5
    python evaluate.py --workdir runs/mine --clusterers all --num-clusters auto
    python evaluate.py --workdir runs/mine --clusterers scan --set clustering.scan.augment=r+t

Where a test split is kept apart, clusterers learn from the training split and assign the test split, unless
--transductive is given or they can only cluster what they see; the table says which. --num-clusters auto recommends a
number of clusters, or says that none stands out. --set changes the settings of clusterers; irl_inr_jax/config/base.py lists them
with a line on each. --report scores leaves out figures, pose, invariance and reconstruction.

Prints one table and writes DIR/eval: results.json (every number), clusters.csv (id, cluster and confidence by each
clusterer, outlier score), embeddings.npz (id, latents, theta, tau, label) and figures as PNG. Clusterings are kept in
DIR/eval/clusterings, so that a later call only makes those that are missing.
"""

# ruff: noqa: E402
from absl import flags

from irl_inr_jax.commands.flags import override_config, parse_flags, run_script

WORKDIR = flags.DEFINE_string("workdir", None, "folder of a run that train.py made")
CLUSTERERS_FLAG = flags.DEFINE_list(
    "clusterers",
    ["kmeans", "agglomerative", "diffusion", "orbit_knn"],
    "which, joined by commas, or all: kmeans, agglomerative, agglomerative_average, agglomerative_complete, gmm, "
    "spectral, diffusion, dbscan, hdbscan, umap_kmeans, dec, iic, scan, scan_orbit, orbit_knn",
)
SPLIT = flags.DEFINE_enum(
    "split",
    "auto",
    ["auto", "train", "test"],
    "which images; auto is test, or train where no test images are kept apart",
)
TRANSDUCTIVE = flags.DEFINE_bool("transductive", False, "cluster the test images by themselves, unseen training images")
NUM_CLUSTERS = flags.DEFINE_string("num_clusters", "", "how many clusters, or auto; default: the configuration's")
SEEDS = flags.DEFINE_integer("seeds", 1, "runs of each clusterer that is random, for mean and deviation", lower_bound=1)
REPORT = flags.DEFINE_enum(
    "report",
    "full",
    ["full", "numbers", "scores"],
    "numbers: no figures; scores: no figures either, and nothing of pose, invariance and reconstruction",
)
SET = flags.DEFINE_multi_string("set", [], "KEY=VALUE, a setting of evaluation or clustering; may be given repeatedly")
if __name__ == "__main__":
    parse_flags()  # before the slow imports, see irl_inr_jax/cli.py

import json
from pathlib import Path

from irl_inr_jax.clustering import CLUSTERERS, get_clusterer
from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import AFTER_TRAINING, complete_config, from_json
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.evaluation.embeddings import save_embeddings
from irl_inr_jax.evaluation.pipeline import EvaluationOptions, choose_split, evaluate
from irl_inr_jax.report.assignments import save_assignments
from irl_inr_jax.report.figures.run_figures import save_run_figures
from irl_inr_jax.report.results_table import describe_results
from irl_inr_jax.training.progress import show_progress
from irl_inr_jax.training.run import load_trained
from irl_inr_jax.types import InputError


def main() -> int:
    """Evaluates the newest checkpoint; the exit status."""
    if WORKDIR.value is None:
        raise InputError("expected --workdir DIR, the folder of a run; see --help")
    workdir = Path(WORKDIR.value)
    asked = read_flags(workdir / "eval")
    config = from_json(workdir / "config.json")
    complete_config(config, base.get_config())
    override_config(config, SET.value, blocks=AFTER_TRAINING)
    check_config(config, base.get_config())
    dataset = make_dataset(config.data)
    _, images = choose_split(dataset, SPLIT.value)
    trained, step = load_trained(workdir, config, dataset, say=print)

    evaluation = evaluate(trained, dataset, config, asked, say=say, progress=show_progress)
    results = {**evaluation.results, "method": config.method, "step": step}
    folder = workdir / "eval"
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    save_embeddings(folder / "embeddings.npz", evaluation.embeddings)
    save_assignments(
        folder / "clusters.csv",
        evaluation.embeddings,
        evaluation.clusterings,
        evaluation.outliers,
        dataset.class_names,
        images.columns,
    )
    figures = []
    if REPORT.value == "full":
        figures = save_run_figures(folder, trained, dataset, images, evaluation, config, say=say)
    print(f"\n{describe_results(results)}\n")
    names = ", ".join(path.name for path in figures)
    print(f"{folder}: results.json, clusters.csv, embeddings.npz and {len(figures)} figures ({names})")
    return 0


def read_flags(folder: Path) -> EvaluationOptions:
    """The flags as what they ask of an evaluation. Raises InputError for unknown clusterers and numbers of clusters."""
    clusterers = list(CLUSTERERS) if CLUSTERERS_FLAG.value == ["all"] else CLUSTERERS_FLAG.value
    for name in clusterers:
        get_clusterer(name)
    number = NUM_CLUSTERS.value
    if number not in ("", "auto") and not (number.isdecimal() and int(number) >= 1):
        raise InputError(f"expected a number of at least 1, or auto, for --num-clusters, found {number!r}")
    return EvaluationOptions(
        split=SPLIT.value,
        transductive=TRANSDUCTIVE.value,
        clusterers=clusterers,
        num_clusters=number,
        num_seeds=SEEDS.value,
        folder=folder / "clusterings",
        scores_only=REPORT.value == "scores",
    )


def say(line: str) -> None:
    """What goes on, at once."""
    print(f"… {line}", flush=True)


if __name__ == "__main__":
    run_script(main)
