"""Evaluate a run and write its results: DIR/eval."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.clustering import CLUSTERERS, get_clusterer
from irl_inr_jax.config.checked_files import write_json
from irl_inr_jax.evaluation.curated_evaluation import curate_evaluation, replace_clusters
from irl_inr_jax.evaluation.curated_table import write_curated_table
from irl_inr_jax.evaluation.curation import CuratedClusters
from irl_inr_jax.evaluation.embeddings import save_embeddings
from irl_inr_jax.evaluation.pipeline import Evaluation, EvaluationOptions, evaluate
from irl_inr_jax.evaluation.stored import EMBEDDINGS, TABLE, UNCORRECTED, describe_files
from irl_inr_jax.evaluation.verdict import judge_run
from irl_inr_jax.report.assignments import save_assignments
from irl_inr_jax.report.figures.run_figures import save_run_figures
from irl_inr_jax.training.logging import read_metrics
from irl_inr_jax.training.trained import load_trained
from irl_inr_jax.training.workdir_lock import lock_workdir
from irl_inr_jax.types import Dataset, InputError

logger = logging.getLogger(__name__)


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
    images, and if another process evaluates the run or corrects its clusters.
    """
    trained, step = load_trained(workdir, config, dataset)
    with lock_workdir(workdir, "evaluation"):
        evaluation = evaluate(trained, dataset, config, options)
        scores = evaluation.results["clustering"]
        if options.clusterers and all("skipped" in scores[name] for name in options.clusterers):
            raise InputError(scores[options.clusterers[0]]["skipped"])
        requested = {"transductive": options.transductive, "set": overrides}
        results = {**evaluation.results, "method": config.method, "step": step, "options": requested}
        if not options.scores_only:
            findings = judge_run(evaluation, dataset, config, metrics=read_metrics_of(workdir, step))
            results["verdict"] = [finding._asdict() for finding in findings]
        folder = workdir / "eval"
        folder.mkdir(exist_ok=True)
        (folder / "results.json").unlink(missing_ok=True)
        (folder / UNCORRECTED).unlink(missing_ok=True)
        results["files"] = write_tables(folder, evaluation, config, dataset)
        curated = read_corrections_of(workdir, evaluation)
        figures = []
        if with_figures:
            names = {name: state.names for name, state in curated.items()}
            corrected = replace_clusters(evaluation, curated)
            figures = save_run_figures(folder, trained, dataset, corrected, config, cluster_names=names)
        write_json(folder / "results.json", results)
        if curated:
            write_curated_table(workdir)
    return results, figures


def write_tables(folder: Path, evaluation: Evaluation, config: ConfigDict, dataset: Dataset) -> dict:
    """Write embeddings.npz and clusters.csv and return the entry `files` of results.json."""
    split, comparison = evaluation.split, evaluation.comparison
    save_embeddings(folder / EMBEDDINGS, split.embeddings)
    save_assignments(
        folder / TABLE,
        split.embeddings,
        comparison.clusterings,
        comparison.outliers,
        dataset.class_names,
        split.images.columns,
        raw=config.evaluation.raw_csv,
    )
    return describe_files(folder, raw_csv=config.evaluation.raw_csv)


def read_metrics_of(workdir: Path, step: int) -> list[dict]:
    """Return the lines of metrics.jsonl; warn if those up to the step of the checkpoint are not all there."""
    metrics = read_metrics(workdir)
    if step and not any(scalars["step"] >= step for scalars in metrics):
        logger.warning("metrics.jsonl has no line of step %d: its end is missing, and the verdict lacks it", step)
    return metrics


def read_corrections_of(workdir: Path, evaluation: Evaluation) -> dict[str, CuratedClusters]:
    """Return the corrected clusters by clusterer; {}, with a warning, if corrections no longer match the clusters."""
    try:
        return curate_evaluation(workdir, evaluation)
    except InputError as error:
        logger.warning("corrections are not applied: %s", error)
        return {}


def list_clusterers(names: Sequence[str]) -> list[str]:
    """Return the names of clusterers, every one for 'all' alone. Raises InputError for an unknown name."""
    listed = list(CLUSTERERS) if list(names) == ["all"] else list(names)
    for name in listed:
        get_clusterer(name)
    return listed
