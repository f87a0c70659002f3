"""The drift of a table of new images, in a JSON file beside it."""

import json
from collections.abc import Sequence
from pathlib import Path

from irl_inr_jax.config.storage import write_in_one_step
from irl_inr_jax.deployment.drift import Drift, MeasuredImages, find_drift, join_measured
from irl_inr_jax.deployment.image_assignment import known_images
from irl_inr_jax.deployment.model_bundle import ModelBundle


def drift_path(table: Path) -> Path:
    """Return the file for the drift of a table."""
    return table.with_suffix(".drift.json")


def read_model_digest(path: Path) -> str | None:
    """Return the digest of the model in a file of `save_drift`; None if there is none or it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("model") if isinstance(content, dict) else None


def save_drift(path: Path, bundle: ModelBundle, measured: Sequence[MeasuredImages], *, rate: float) -> Drift:
    """Compare new images with the held-out ones of the model, write the result in one step and return it."""
    known = known_images(bundle)
    drift = find_drift(
        known,
        join_measured(measured, like=known),
        bundle.familiarity,
        rate=rate,
        is_calibrated=bundle.held_out.is_unseen,
        seed=bundle.config.seed,
    )
    content = {
        "model": bundle.digest,
        "clusterer": next(iter(bundle.clusterers), None),
        **drift._asdict(),
        "clusters": [shift._asdict() for shift in drift.clusters],
    }
    write_in_one_step(path, json.dumps(content, indent=2) + "\n")
    return drift
