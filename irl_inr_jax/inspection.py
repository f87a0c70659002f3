"""What was understood of a data set, before anything is learnt from it, and what learning would cost.

`python -m irl_inr_jax inspect` prints it and draws it.
"""

import dataclasses
import time
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from irl_inr_jax.data.fitting import border_medians
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.data.subsets import take
from irl_inr_jax.geometry.images import transform_images
from irl_inr_jax.pose import PoseForm
from irl_inr_jax.runs import lower_steps, total_steps
from irl_inr_jax.types import Dataset, ImageSet, Pose

NUM_SAMPLED = 512  # images that orientation and pixels are measured on
TRIED_BATCH = 32  # images a step in the trial that costs are estimated from
TRIED_STEPS = 3
_UNDEFINED_DEG = 30.0  # an angle that is off by more says nothing


class Orientation(NamedTuple):
    """How well images say how they are turned, of some of them.

    strength: (n,) |c21| in [0, 1]. errors_deg: (n,) by how much the closed-form angle misses a known turn, with noise
    like that of the image's ground added afresh.
    """

    strength: Float[np.ndarray, "n"]
    errors_deg: Float[np.ndarray, "n"]


class Cost(NamedTuple):
    """An estimate from a few small steps on one device of this machine.

    seconds: of the whole run. data_mb, state_mb, working_mb: images, parameters and optimiser, and what a step of the
    configured batch takes beyond.
    """

    device: str
    images_per_second: float
    num_steps: int
    seconds: float
    data_mb: float
    state_mb: float
    working_mb: float


def sample_images(dataset: Dataset) -> ImageSet:
    """At most `NUM_SAMPLED` training images, evenly spread over the set, in memory."""
    num_images = len(dataset.train.ids)
    sample = take(dataset.train, np.unique(np.linspace(0, num_images - 1, NUM_SAMPLED).round().astype(int)))
    return dataclasses.replace(sample, images=sample.images[:])


def measure_orientation(dataset: Dataset, sample: ImageSet, form: PoseForm) -> Orientation:
    """Turns the images by random angles, adds noise, and asks the moments for the angle again."""
    rng = np.random.default_rng(0)
    unit = np.asarray(to_unit(dataset.scaling, sample.images))
    theta = rng.uniform(0, 2 * np.pi, len(unit)).astype(np.float32)
    turns = Pose(theta=theta, tau=np.zeros((len(unit), 2), np.float32))
    noise = ground_deviations(unit)[:, None, None, None] * rng.normal(size=unit.shape).astype(np.float32)

    @jax.jit
    def measure(images, turns, noise):
        before, strength = form.closed_form(images)
        turned = transform_images(images, turns, interpolation="bilinear", fill=form.fill)
        after, _ = form.closed_form(turned + noise)
        return before.theta, after.theta, strength

    before, after, strength = map(np.asarray, measure(unit, turns, noise))
    errors = np.abs(np.angle(np.exp(1j * (after - before - theta).astype(np.float64))))
    return Orientation(strength, np.degrees(errors))


def ground_deviations(images: Float[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n"]:
    """How much the ground of an image varies, as a standard deviation that an object reaching into it does not move.

    The ground is a ring just inside the inscribed circle, which a circular crop leaves. The deviation is that of the
    differences between neighbours there, whose median leaves out the few at an object's edge.
    """
    side = images.shape[1]
    middle = (np.arange(side) + 0.5) * 2 / side - 1
    radius = np.hypot(middle[:, None], middle)
    ring = (radius > 0.8) & (radius < 0.98)
    pairs = ring[:, 1:] & ring[:, :-1]
    differences = np.abs(np.diff(images, axis=2)[:, pairs]).reshape(len(images), -1)
    return (np.median(differences, axis=1) / (0.6745 * np.sqrt(2))).astype(np.float32)


def describe_dataset(dataset: Dataset, sample: ImageSet) -> dict:
    """Counts, sizes, type and range, scaling, classes, files left out: all that is known without learning."""
    train, pixels = dataset.train, sample.images
    borders = border_medians(pixels) * dataset.scaling.scale
    flat = pixels.reshape(len(pixels), -1)
    facts = {
        "name": dataset.name,
        "description": dataset.description,
        "notes": list(dataset.notes),
        "num_train": len(train.ids),
        "num_test": 0 if dataset.test is None else len(dataset.test.ids),
        "shape": list(train.images.shape[1:]),
        "type": str(train.images.dtype),
        "megabytes": sum(part.images.nbytes for part in (train, dataset.test) if part is not None) / 1e6,
        "streamed": isinstance(train.images, LazyImages),
        "percentiles": {q: float(np.percentile(pixels, q)) for q in (0, 1, 50, 99, 100)},
        "scaling": dataset.scaling._asdict(),
        "blank_share": float((flat == flat[:, :1]).all(1).mean()),
        "border_spread": float(np.percentile(borders, 95) - np.percentile(borders, 5)),
        "first_ids": [str(name) for name in train.ids[:3]],
        "columns": list(train.columns),
        "skipped": list(dataset.skipped),
        "classes": {},
    }
    if train.labels is not None:
        for part, name in ((train, "train"), (dataset.test, "test")):
            if part is not None:
                counts = np.bincount(part.labels[part.labels >= 0], minlength=len(dataset.class_names))
                facts["classes"][name] = dict(zip(dataset.class_names, counts.tolist(), strict=True))
        facts["num_unlabelled"] = int((train.labels < 0).sum())
    return facts


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


def estimate_cost(config: ConfigDict, dataset: Dataset) -> Cost:
    """Takes `TRIED_STEPS` steps of at most `TRIED_BATCH` images on one device, and from them reckons the whole run."""
    batch_size = min(config.train.batch_size, TRIED_BATCH, len(dataset.train.ids))
    few = take(dataset.train, np.arange(batch_size, dtype=np.int32))
    num_steps = total_steps(config, dataset)
    lowered, state, given = lower_steps(config, dataclasses.replace(dataset, train=few), num_steps=1)
    compiled = lowered.compile()
    state, _ = jax.block_until_ready(compiled(state, *given))
    started = time.monotonic()
    for _ in range(TRIED_STEPS):
        state, _ = jax.block_until_ready(compiled(state, *given))
    images_per_second = TRIED_STEPS * batch_size / (time.monotonic() - started)
    return Cost(
        device=jax.local_devices()[0].device_kind,
        images_per_second=images_per_second,
        num_steps=num_steps,
        seconds=num_steps * config.train.batch_size / images_per_second,
        data_mb=0.0 if isinstance(dataset.train.images, LazyImages) else dataset.train.images.nbytes / 1e6,
        state_mb=sum(leaf.nbytes for leaf in jax.tree.leaves((state.params, state.opt_state))) / 1e6,
        working_mb=compiled.memory_analysis().temp_size_in_bytes / 1e6 * config.train.batch_size / batch_size,
    )
