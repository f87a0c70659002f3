"""Evaluate a run and write its results: DIR/eval."""

import json
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.clustering import CLUSTERERS, get_clusterer
from irl_inr_jax.config.storage import write_in_one_step
from irl_inr_jax.evaluation.embeddings import save_embeddings
from irl_inr_jax.evaluation.pipeline import EvaluationOptions, evaluate
from irl_inr_jax.evaluation.verdict import judge_run
from irl_inr_jax.report.assignments import save_assignments
from irl_inr_jax.report.figures.run_figures import save_run_figures
from irl_inr_jax.training.logging import read_metrics
from irl_inr_jax.training.run import load_trained
from irl_inr_jax.types import Dataset, InputError


def evaluate_run(
    workdir: Path,
    config: ConfigDict,
    dataset: Dataset,
    options: EvaluationOptions,
    *,
    overrides: list[str],
    with_figures: bool,
) -> tuple[dict, list[Path]]:
    """Evaluate the newest checkpoint, write `workdir`/eval, and return the results and the paths of the figures.

    overrides: KEY=VALUE, by which `config` differs from the trained one; kept for the report. results.json is written
    last, so that it is there only if the evaluation is complete. Raises InputError if no clusterer can cluster these
    images.
    """
    trained, step = load_trained(workdir, config, dataset)
    evaluation = evaluate(trained, dataset, config, options)
    scores = evaluation.results["clustering"]
    if options.clusterers and all("skipped" in scores[name] for name in options.clusterers):
        raise InputError(scores[options.clusterers[0]]["skipped"])
    requested = {"transductive": options.transductive, "set": overrides}
    results = {**evaluation.results, "method": config.method, "step": step, "options": requested}
    if not options.scores_only:
        findings = judge_run(evaluation, dataset, config, metrics=read_metrics(workdir))
        results["verdict"] = [finding._asdict() for finding in findings]
    folder = workdir / "eval"
    folder.mkdir(exist_ok=True)
    (folder / "results.json").unlink(missing_ok=True)
    split, comparison = evaluation.split, evaluation.comparison
    save_embeddings(folder / "embeddings.npz", split.embeddings)
    save_assignments(
        folder / "clusters.csv",
        split.embeddings,
        comparison.clusterings,
        comparison.outliers,
        dataset.class_names,
        split.images.columns,
    )
    figures = []
    if with_figures:
        figures = save_run_figures(folder, trained, dataset, evaluation, config)
    write_in_one_step(folder / "results.json", json.dumps(results, indent=2) + "\n")
    return results, figures


def list_clusterers(names: Sequence[str]) -> list[str]:
    """Return the names of clusterers, every one for 'all' alone. Raises InputError for an unknown name."""
    listed = list(CLUSTERERS) if list(names) == ["all"] else list(names)
    for name in listed:
        get_clusterer(name)
    return listed
