"""The settings that determine a value: those of its run as it is now, and those with which a finished run was made.

Only values with the same ones are averaged over seeds. In the file of values they are represented by a checksum.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.config.checked_files import checksum_json
from irl_inr_jax.config.storage import ADDED_KEYS, AFTER_TRAINING, flatten, from_json
from irl_inr_jax.types import InputError
from papers.records import Cell, EvaluationSpec, Measure, TrainingSpec
from papers.systems import evaluation_settings, resolve_settings

NUM_DIGITS = 12  # of a checksum, hexadecimal
NUM_NAMED = 3  # differing settings in a message
IGNORED_BLOCKS = ("speed.",)
# The seed and places of a run, and what a measured value does not depend on.
IGNORED_KEYS = {
    *("seed", "data.root", "data.memory_mb"),
    *("train.log_every", "train.picture_every_epochs", "train.keep_checkpoints"),
    *("evaluation.clusterers", "evaluation.batch_size", "evaluation.upsample_side"),
    *("evaluation.max_clusters", "evaluation.raw_csv"),
}


def present_settings(training: TrainingSpec, measure: Measure, scale: str) -> dict[str, object]:
    """Return the settings of a value at a scale: those of its run, and those of evaluate.py on top of them."""
    settings = resolve_settings(training, scale) | dict(evaluation_settings(measure.settings, scale))
    return select_settings(settings, measure)


def stored_settings(run: Path, results: Mapping, measure: Measure) -> dict[str, object]:
    """Return the settings with which the results of an evaluation of a run were made, from its folder.

    Raises InputError if its configuration cannot be read.
    """
    config = from_json(run / "config.json").unlock()
    override_config(config, results["options"]["set"], blocks=AFTER_TRAINING)
    return select_settings(flatten(config), measure)


def list_changes(run: Path, results: Mapping, training: TrainingSpec, measure: Measure, scale: str) -> list[str]:
    """Return the keys in which the results of an evaluation of a run differ from the present settings of a value.

    Results of a version that did not store its options differ in `options`.
    """
    if "options" not in results:
        return ["options"]
    stored, present = stored_settings(run, results, measure), present_settings(training, measure, scale)
    return _differing(stored, present)


def _differing(stored: Mapping[str, object], present: Mapping[str, object]) -> list[str]:
    return [key for key in sorted({*stored, *present}) if stored.get(key) != present.get(key)]


def _is_ignored(key: str) -> bool:
    return key in IGNORED_KEYS or key.startswith(IGNORED_BLOCKS)


def name_keys(keys: Sequence[str]) -> str:
    """Return the first of the keys as text, and the number of the others."""
    more = f" and {len(keys) - NUM_NAMED} more" if len(keys) > NUM_NAMED else ""
    return ", ".join(keys[:NUM_NAMED]) + more


def check_trained(folder: Path, training: TrainingSpec, scale: str) -> None:
    """Raise InputError if the finished run in a folder has no configuration, or was trained with other settings."""
    path = folder / "run" / "config.json"
    if not path.exists():
        raise InputError(
            f"expected the configuration of a finished run in {path}, found none; restore it, or move {folder} away to "
            f"train it again"
        )
    stored, present = flatten(from_json(path)), resolve_settings(training, scale)
    changed = _differing(stored, present)
    keys = [key for key in changed if not _is_ignored(key) and key.split(".")[0] not in AFTER_TRAINING]
    if keys:
        raise InputError(
            f"expected a run with the present settings of the tables in {folder}, found one with others "
            f"({name_keys(keys)}); move that folder away, or choose another --workdir"
        )


def assign_present(run: Path, training: TrainingSpec, evaluation: EvaluationSpec, scale: str) -> list[str]:
    """Return KEY=VALUE for evaluate.py: the evaluation's settings, and others in which the run's own are not present.

    A run keeps the settings of evaluations with which it was trained.
    """
    settings = dict(evaluation_settings(evaluation.settings, scale))
    path = run / "config.json"
    stored = flatten(from_json(path)) if path.exists() else {}
    changed = {
        key: value
        for key, value in resolve_settings(training, scale).items()
        if key.split(".")[0] in AFTER_TRAINING and key in stored and stored[key] != value
    }
    return [f"{key}={value}" for key, value in (changed | settings).items()]


def select_settings(settings: Mapping[str, object], measure: Measure) -> dict[str, object]:
    """Return the settings that a measured value depends on.

    Those of other clusterers are left out. So are keys in `ADDED_KEYS` with their old value: a new key does not change
    a checksum.
    """
    return {
        key: value
        for key, value in settings.items()
        if not _is_ignored(key)
        and not _is_of_another_clusterer(key, measure.clusterer)
        and not (key in ADDED_KEYS and value == ADDED_KEYS[key])
    }


def _is_of_another_clusterer(key: str, clusterer: str) -> bool:
    """Return True for clustering.NAME.KEY unless NAME is the clusterer's, such as umap for umap_kmeans."""
    block, *names = key.split(".")
    return block == "clustering" and len(names) > 1 and not clusterer.startswith(names[0])


def checksum_settings(settings: Mapping[str, object], measure: Measure) -> str:
    """Return 12 hexadecimal digits of the settings of a measured value."""
    measured = [measure.path, measure.clusterer, measure.transductive]
    return checksum_json({"settings": dict(settings), "measured": measured})[:NUM_DIGITS]


def check_stored_settings(folder: Path, results: Mapping, cell: Cell, scale: str) -> None:
    """Raise InputError if the results in the folder of a run were made with other settings than the cell has now."""
    keys = list_changes(folder / "run", results, cell.training, cell.measure, scale)
    if keys:
        is_trained = any(key.split(".")[0] not in (*AFTER_TRAINING, "options") for key in keys)
        remedy = "move that folder away" if is_trained else "`papers TABLE` measures it again"
        raise InputError(
            f"expected results with the present settings of the tables, found others in {folder} "
            f"({name_keys(keys)}); {remedy}"
        )
