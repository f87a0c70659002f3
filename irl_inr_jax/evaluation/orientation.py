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

_UNDEFINED_DEG = 30.0  # an angle that is off by more says nothing


class Orientation(NamedTuple):
    """How well images say how they are turned, of some of them.

    strength: (n,) |c21| in [0, 1]. errors_deg: (n,) by how much the closed-form angle misses a known turn, with noise
    like that of the image's ground added afresh.
    """

    strength: Float[np.ndarray, "n"]
    errors_deg: Float[np.ndarray, "n"]


def measure_orientation(dataset: Dataset, sample: ImageSet, form: PoseForm) -> Orientation:
    """Turns the images by random angles, adds noise, and asks the moments for the angle again."""
    rng = np.random.default_rng(0)
    unit = np.asarray(to_unit(dataset.scaling, sample.images))
    theta = rng.uniform(0, 2 * np.pi, len(unit)).astype(np.float32)
    turns = Pose(theta=theta, tau=np.zeros((len(unit), 2), np.float32))
    noise = background_deviations(unit)[:, None, None, None] * rng.normal(size=unit.shape).astype(np.float32)

    @jax.jit
    def measure(images, turns, noise):
        before, strength = form.closed_form(images)
        turned = transform_images(images, turns, interpolation="bilinear", fill=form.fill)
        after, _ = form.closed_form(turned + noise)
        return before.theta, after.theta, strength

    before, after, strength = map(np.asarray, measure(unit, turns, noise))
    errors = np.abs(np.angle(np.exp(1j * (after - before - theta).astype(np.float64))))
    return Orientation(strength, np.degrees(errors))


def describe_orientation(orientation: Orientation) -> dict:
    """The figures of an `Orientation` that people ask for."""
    errors = orientation.errors_deg
    return {
        "median_strength": float(np.median(orientation.strength)),
        "median_error_deg": float(np.median(errors)),
        "undefined_share": float((errors > _UNDEFINED_DEG).mean()),
    }


def find_advice(facts: dict, orientation: dict) -> list[str]:
    """What a user should look at before training: a line each, none where all is well."""
    lines = []
    if facts["blank_share"] > 0:
        lines.append(f"{100 * facts['blank_share']:.1f} % of the images are blank: were they read as they should be?")
    if facts["border_spread"] > 0.1:
        lines.append(
            f"the ground differs between images by {100 * facts['border_spread']:.0f} % of the range: "
            "config.data.background=image levels it, config.data.crop=circle hides the corners"
        )
    if facts["scaling"]["low"] < 0:
        lines.append("values lie on both sides of the ground; if there is none, take config.data.crop=circle")
    if orientation["undefined_share"] > 0.25:
        lines.append(
            f"the orientation of {100 * orientation['undefined_share']:.0f} % of the images is lost under turns and "
            "noise: they are nearly symmetric or noisy, and their predicted angle will mean little"
        )
    if any(count < 2 for split in facts["classes"].values() for count in split.values()):
        lines.append("some classes have a single image or none")
    return lines
