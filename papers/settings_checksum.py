"""A checksum of the settings behind a value: only values with equal ones are averaged over seeds."""

import functools
import hashlib
import json

from irl_inr_jax.config.base import get_config
from irl_inr_jax.config.storage import flatten
from papers.records import Cell
from papers.systems import evaluation_settings, resolve_settings

LENGTH = 12  # hexadecimal digits
OF_WORKSPACE = ("seed", "data.root")  # not of the system
SCAN = "clustering.scan."  # not read for other clusterers' scores


def checksum_settings(cell: Cell, scale: str) -> str:
    """Return 12 hexadecimal digits of the settings with which a cell's run is trained and evaluated at a scale.

    Keys with their default values do not count, so that a key that is added later leaves the checksum as it is.
    """
    measure = cell.measure
    settings = resolve_settings(cell.training, scale) | dict(evaluation_settings(measure.settings, scale))
    ignored = () if measure.clusterer == "scan" else (SCAN,)
    chosen = {
        key: value
        for key, value in settings.items()
        if key not in OF_WORKSPACE and value != _default_settings()[key] and not key.startswith(ignored)
    }
    measured = [*measure.path, measure.clusterer, measure.transductive]
    return hashlib.sha256(json.dumps([chosen, measured], sort_keys=True).encode()).hexdigest()[:LENGTH]


@functools.cache
def _default_settings() -> dict[str, object]:
    return flatten(get_config())
