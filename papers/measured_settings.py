"""The settings that determine a value: those of its run as it is now, and those with which a finished run was made.

Only values with the same ones are averaged over seeds. In the file of values they are represented by a checksum.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.config.storage import ADDED_KEYS, AFTER_TRAINING, flatten, from_json
from irl_inr_jax.types import InputError
from papers.records import Cell, Measure
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


def present_settings(cell: Cell, scale: str) -> dict[str, object]:
    """Return the settings of a cell's value at a scale: those of its run, and those of evaluate.py on top of them."""
    settings = resolve_settings(cell.training, scale) | dict(evaluation_settings(cell.measure.settings, scale))
    return select_settings(settings, cell.measure)


def stored_settings(run: Path, results: Mapping, measure: Measure) -> dict[str, object]:
    """Return the settings with which the results of an evaluation of a run were made, from its folder.

    Raises InputError if its configuration cannot be read.
    """
    config = from_json(run / "config.json").unlock()
    override_config(config, results["options"]["set"], blocks=AFTER_TRAINING)
    return select_settings(flatten(config), measure)


def select_settings(settings: Mapping[str, object], measure: Measure) -> dict[str, object]:
    """Return the settings that a measured value depends on.

    Those of other clusterers do not count, nor do keys of `ADDED_KEYS` with the value of the runs before them, so that
    a key that is added changes nothing.
    """
    return {
        key: value
        for key, value in settings.items()
        if key not in IGNORED_KEYS
        and not key.startswith(IGNORED_BLOCKS)
        and not _is_of_another_clusterer(key, measure.clusterer)
        and not (key in ADDED_KEYS and value == ADDED_KEYS[key])
    }


def _is_of_another_clusterer(key: str, clusterer: str) -> bool:
    """Return True for clustering.NAME.KEY unless NAME is the clusterer's, such as umap for umap_kmeans."""
    block, *names = key.split(".")
    return block == "clustering" and len(names) == 2 and not clusterer.startswith(names[0])


def checksum_settings(settings: Mapping[str, object], measure: Measure) -> str:
    """Return 12 hexadecimal digits of the settings of a measured value."""
    content = [dict(settings), measure.path, measure.clusterer, measure.transductive]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:NUM_DIGITS]


def check_stored_settings(run: Path, results: Mapping, cell: Cell, scale: str) -> None:
    """Raise InputError if the results of an evaluation of a run were made with other settings than the cell has now."""
    stored, present = stored_settings(run, results, cell.measure), present_settings(cell, scale)
    keys = [key for key in sorted({*stored, *present}) if stored.get(key) != present.get(key)]
    if keys:
        named = "; ".join(f"{key} {stored.get(key)!r} instead of {present.get(key)!r}" for key in keys[:NUM_NAMED])
        more = f" and {len(keys) - NUM_NAMED} more" if len(keys) > NUM_NAMED else ""
        raise InputError(
            f"expected runs with the present settings of the tables, found others in {run} ({named}{more}); move its "
            f"folder away"
        )
