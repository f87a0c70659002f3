"""Cluster the images of a trained run by their latents, and measure what was learnt.

    python evaluate.py --workdir runs/digits
    python evaluate.py --workdir runs/digits --clusterers kmeans,agglomerative --split train

Prints one table and writes DIR/eval: results.json (every number), embeddings.npz (id, latents, theta, tau, label, in
the order of the images) and figures as PNG.
"""

import json
from pathlib import Path

from absl import flags

from configs import base
from irl_inr_jax.cli import run_script
from irl_inr_jax.clustering import CLUSTERERS, get_clusterer
from irl_inr_jax.data import make_dataset
from irl_inr_jax.embed import save_embeddings
from irl_inr_jax.evaluation import choose_split, evaluate
from irl_inr_jax.report.results_table import describe_results
from irl_inr_jax.report.run_figures import save_run_figures
from irl_inr_jax.runs import load_trained
from irl_inr_jax.settings import check_config, from_json
from irl_inr_jax.types import InputError

WORKDIR = flags.DEFINE_string("workdir", None, "folder of a run that train.py made")
CLUSTERERS_FLAG = flags.DEFINE_list("clusterers", ["kmeans", "agglomerative"], f"which of: {', '.join(CLUSTERERS)}")
SPLIT = flags.DEFINE_enum(
    "split",
    "auto",
    ["auto", "train", "test"],
    "which images; auto is test, or train where no test images are kept apart",
)


def main() -> int:
    """Evaluates the newest checkpoint; the exit status."""
    if WORKDIR.value is None:
        raise InputError("expected --workdir DIR, the folder of a run; see --help")
    workdir = Path(WORKDIR.value)
    for name in CLUSTERERS_FLAG.value:
        get_clusterer(name)
    config = from_json(workdir / "config.json")
    check_config(config, base.get_config())
    dataset = make_dataset(config.data)
    split, images = choose_split(dataset, SPLIT.value)
    trained, step = load_trained(workdir, config, dataset, say=print)

    evaluation = evaluate(
        trained,
        dataset,
        config,
        split=split,
        clusterers=CLUSTERERS_FLAG.value,
        say=lambda line: print(f"… {line}", flush=True),
    )
    results = {**evaluation.results, "method": config.method, "step": step}
    folder = workdir / "eval"
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    save_embeddings(folder / "embeddings.npz", evaluation.embeddings)
    figures = save_run_figures(
        folder, trained, dataset, images, evaluation, config, say=lambda line: print(f"… {line}", flush=True)
    )
    print(f"\n{describe_results(results)}\n")
    names = ", ".join(path.name for path in figures)
    print(f"{folder}: results.json, embeddings.npz and {len(figures)} figures ({names})")
    return 0


if __name__ == "__main__":
    run_script(main)
