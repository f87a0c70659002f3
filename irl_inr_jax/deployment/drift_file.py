"""The drift of a table of new images, in a JSON file beside it."""

from collections.abc import Sequence
from pathlib import Path

from irl_inr_jax.config.checked_files import DamagedFile, read_json, write_json
from irl_inr_jax.deployment.drift import Drift, MeasuredImages, find_drift, join_measured
from irl_inr_jax.deployment.image_assignment import known_images
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.types import InputError


def drift_path(table: Path) -> Path:
    """Return the file for the drift of a table."""
    return table.with_suffix(".drift.json")


def read_model_digest(path: Path) -> str | None:
    """Return the digest of the model in a file of `save_drift`; None if there is none.

    Raises InputError for a damaged file, and for another one in its place.
    """
    if not path.exists():
        return None
    try:
        content = read_json(path)
        _, model = content["sentence"], content["model"]
    except (DamagedFile, KeyError, OSError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(
            f"expected no file, or the drift of an earlier table of irl-inr assign, in {path}, found another or a "
            f"damaged file ({reason}); remove it if it is damaged, or choose another --out"
        ) from None
    return model


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
    write_json(path, content)
    return drift
