"""Settings for a user's own images, chosen from their number and sizes and from the machine."""

from collections.abc import Mapping
from typing import NamedTuple

from ml_collections import ConfigDict

from irl_inr_jax.config.base import get_config
from irl_inr_jax.config.narrow import apply_cpu
from irl_inr_jax.config.storage import flatten

MAX_SIDE = 64  # larger images are reduced: the time of a step hardly grows with the side, that of the searches does
MAX_SPREAD = 4.0  # longest side over the median one, above which small images would become a few pixels
IMAGES_PER_NEIGHBOUR = 20  # with fewer images per neighbour, neighbours are of other classes
MAX_SELFLABELLED = 30_000  # images, above which training on labels of clusters takes longer than the run on a CPU


def own_images_config() -> ConfigDict:
    """Return the configuration of a user's own images, before any setting is chosen for them."""
    config = get_config()
    config.data.name = "images"
    config.evaluation.shift_px = 1.0
    return config


class SizeFacts(NamedTuple):
    """Longer sides of the images in pixels, and whether the images may differ in size."""

    longest: int
    median: float
    in_files: bool


def choose_image_side(sizes: SizeFacts) -> dict[str, object]:
    """Return the keys of `data` that set the side of the images: at most `MAX_SIDE`, and no image set is enlarged.

    All images are reduced by one factor, so that sizes compare, unless most would become very small.
    """
    if sizes.in_files and sizes.longest > MAX_SPREAD * sizes.median:
        return {"data.same_scale": False, "data.resize": min(MAX_SIDE, round(sizes.median))}
    return {"data.resize": MAX_SIDE} if sizes.longest > MAX_SIDE else {}


def apply_recipe(config: ConfigDict, *, num_images: int, in_memory: bool, on_cpu: bool) -> None:
    """Set loss, length and clusterers: few epochs on a CPU, and neighbours where there are enough images."""
    if on_cpu:
        apply_cpu(config)
    num_neighbours = min(config.loss.num_neighbours, num_images // IMAGES_PER_NEIGHBOUR)
    config.loss.num_neighbours = max(num_neighbours, 1)
    if num_neighbours == 0 or not in_memory:
        config.loss.neighbours = 0.0
    is_slow = on_cpu and num_images > MAX_SELFLABELLED
    config.evaluation.clusterers = ("kmeans", "agglomerative", "orbit_knn", *(() if is_slow else ("orbit_selflabel",)))


def list_changes(before: ConfigDict, after: ConfigDict) -> dict[str, object]:
    """Return the keys whose values differ, with those of `after`."""
    ours, theirs = flatten(before), flatten(after)
    return {key: value for key, value in theirs.items() if ours[key] != value}


def set_keys(config: ConfigDict, settings: Mapping[str, object]) -> None:
    """Set keys by their dotted names; lists, as read from JSON, become tuples."""
    for key, value in settings.items():
        config.update_from_flattened_dict({key: tuple(value) if isinstance(value, list) else value})
