"""Measure how well the orientation of images is defined."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from irl_inr_jax.data.description import background_deviations
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.methods.pose import PoseForm
from irl_inr_jax.types import Dataset, ImageSet, Pose

_UNDEFINED_DEG = 30.0  # with a larger error the predicted angle is of no use
MAX_UNDEFINED = 0.25  # share of the images above which it is reported


class Orientation(NamedTuple):
    """Strength and error of the orientation of each image in a sample.

    strength: (n,) |c21| in [0, 1]. errors_deg: (n,) error of the closed-form angle after a known rotation, with
    noise of the image's background level added.
    """

    strength: Float[np.ndarray, "n"]
    errors_deg: Float[np.ndarray, "n"]


def measure_orientation(dataset: Dataset, sample: ImageSet, form: PoseForm) -> Orientation:
    """Rotate the images by random angles, add noise, and estimate the angle from the moments."""
    rng = np.random.default_rng(0)
    unit = np.asarray(to_unit(dataset.scaling, sample.images))
    theta = rng.uniform(0, 2 * np.pi, len(unit)).astype(np.float32)
    rotations = Pose(theta=theta, tau=np.zeros((len(unit), 2), np.float32))
    noise = background_deviations(unit)[:, None, None, None] * rng.normal(size=unit.shape).astype(np.float32)

    @jax.jit
    def measure(images, rotations, noise):
        before, strength = form.closed_form(images)
        rotated = transform_images(images, rotations, interpolation="bilinear", fill=form.fill)
        after, _ = form.closed_form(rotated + noise)
        return before.theta, after.theta, strength

    before, after, strength = map(np.asarray, measure(unit, rotations, noise))
    errors = np.abs(np.angle(np.exp(1j * (after - before - theta).astype(np.float64))))
    return Orientation(strength, np.degrees(errors))


def describe_orientation(orientation: Orientation) -> dict:
    """Return the medians of an `Orientation` and the share of images without a defined orientation."""
    errors = orientation.errors_deg
    return {
        "median_strength": float(np.median(orientation.strength)),
        "median_error_deg": float(np.median(errors)),
        "undefined_share": float((errors > _UNDEFINED_DEG).mean()),
    }


def find_advice(facts: dict, orientation: dict) -> list[str]:
    """Return one line per problem that a user should look at before training."""
    lines = []
    if facts["border_spread"] > 0.1:
        lines.append(
            f"the background differs between images by {100 * facts['border_spread']:.0f} % of the range: "
            "config.data.background=image subtracts each image's own, config.data.crop=circle hides the corners"
        )
    if facts["scaling"]["low"] < 0:
        lines.append(
            "pixels are both brighter and darker than the background; if the images have none, set "
            "config.data.crop=circle"
        )
    if orientation["undefined_share"] > MAX_UNDEFINED:
        lines.append(
            f"the orientation of {100 * orientation['undefined_share']:.0f} % of the images is not recovered after a "
            "rotation with noise: they are nearly symmetric or noisy, and their predicted angle is not reliable"
        )
    if any(count < 2 for split in facts["classes"].values() for count in split.values()):
        lines.append("some classes have fewer than two images")
    return lines
