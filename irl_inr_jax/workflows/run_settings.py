"""Settings of a run that suit the images and the machine: sizes, networks, batch size, length."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.config.recipe import SizeFacts, apply_recipe, choose_image_side, set_keys
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.datasets import open_source
from irl_inr_jax.data.datasets.own_images import READER_KEYS, STACK_KEYS, find_reader
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.source import Source
from irl_inr_jax.training.budget import (
    CPU_MINUTES,
    MIN_IMAGES,
    PATIENCE,
    Length,
    choose_batch_size,
    choose_holdout,
    choose_length,
    count_epochs,
)
from irl_inr_jax.training.cost import Cost, estimate_cost
from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.types import Dataset, InputError


def load_images(config: ConfigDict, *, overrides: Mapping[str, Any], is_preset: bool) -> Dataset:
    """Return the data set; without a preset, its side is chosen and set in `config`, except by `overrides`.

    Raises InputError for images that cannot be read, and for too few.
    """
    source = open_source(config.data)
    if is_preset:
        return check_number_of_images(assemble_dataset(config.data, source), config.data.path)
    is_own = config.data.name == "images"
    keys = READER_KEYS.get(find_reader(config.data.path), STACK_KEYS) if is_own else STACK_KEYS
    return assemble_images(config, source, overrides=overrides, may_differ="same_scale" in keys)


def assemble_images(config: ConfigDict, source: Source, *, overrides: Mapping[str, Any], may_differ: bool) -> Dataset:
    """Return the data set of a source, with the side chosen and set in `config`, except by `overrides`.

    may_differ: whether images of this kind may have different sizes. Raises InputError for images that cannot be read,
    and for too few.
    """
    sides = source.sizes.max(1)
    facts = SizeFacts(int(sides.max()), float(np.median(sides)), may_differ and not config.data.canvas)
    set_keys(config, {**choose_image_side(facts), **overrides})
    return check_number_of_images(assemble_dataset(config.data, source), config.data.path or source.name)


def check_number_of_images(dataset: Dataset, place: str) -> Dataset:
    """Return the data set. Raises InputError for too few training images; place: where they are, for the message."""
    if len(dataset.train.ids) < MIN_IMAGES:
        raise InputError(
            f"expected at least {MIN_IMAGES} training images in {place}, found {len(dataset.train.ids)}; "
            f"irl-inr needs many images that show the same things"
        )
    return dataset


def choose_recipe(config: ConfigDict, dataset: Dataset, overrides: Mapping[str, Any]) -> None:
    """Set networks, loss, batch size and held-out images in `config`, except by `overrides`."""
    num_images = len(dataset.train.ids)
    in_memory = not isinstance(dataset.train.images, LazyImages)
    apply_recipe(config, num_images=num_images, in_memory=in_memory, on_cpu=jax.default_backend() == "cpu")
    config.train.batch_size = choose_batch_size(
        num_images, largest=config.train.batch_size, num_devices=jax.device_count()
    )
    config.train.holdout = choose_holdout(num_images)
    set_keys(config, overrides)


def choose_cost(
    config: ConfigDict, dataset: Dataset, *, overrides: Mapping[str, Any], is_preset: bool, budget: float | None
) -> tuple[Length, Cost]:
    """Measure a few steps, set the length of the run in `config`, except by `overrides`, and return both.

    budget: minutes, 0 for no bound, None for the default.
    """
    cost = estimate_cost(config, dataset)
    num_images, batch_size = len(dataset.train.ids), config.train.batch_size
    num_images -= round(config.train.holdout * num_images)
    is_given = is_preset or "train.num_epochs" in overrides
    default = CPU_MINUTES if jax.default_backend() == "cpu" and not is_given else 0
    length = choose_length(
        num_images,
        batch_size,
        num_epochs=config.train.num_epochs if is_given else count_epochs(num_images, batch_size),
        images_per_second=cost.images_per_second,
        max_minutes=(default if budget is None else budget) or None,
    )
    keys = ("num_epochs",) if is_preset else ("num_epochs", "warmup_steps", "save_every_epochs", "picture_every_epochs")
    own = {key: value for key, value in overrides.items() if key != "train.num_epochs"}
    set_keys(config, {f"train.{key}": getattr(length, key) for key in keys} | own)
    if not is_preset and config.train.holdout and "train.patience" not in overrides:
        # The first steps are so few that the loss on the held-out images is mostly noise.
        config.train.patience = 0 if length.is_too_short else PATIENCE
    seconds = length.num_steps * batch_size / cost.images_per_second
    return length, cost._replace(num_steps=length.num_steps, seconds=seconds)


def describe_choice(config: ConfigDict, dataset: Dataset, length: Length, cost: Cost) -> str:
    """Return the choice and its cost in one line."""
    side, channels = dataset.train.images.shape[1], dataset.train.images.shape[-1]
    colours = "" if channels == 1 else f" and {channels} channels"
    filled = "" if config.data.same_scale else ", each scaled to fill its square, since their sizes differ much"
    networks = "small" if jax.default_backend() == "cpu" else "wide"
    line = (
        f"{len(dataset.train.ids):,} images of {side} px{colours}{filled}: {length.num_steps:,} steps of "
        f"{config.train.batch_size} images with the {networks} networks, about {format_seconds(cost.seconds)}"
    )
    if not length.is_cut:
        return line
    minutes = math.ceil(length.num_wanted * config.train.batch_size / cost.images_per_second / 60)
    warning = "; so few steps may give poor clusters" if length.is_too_short else ""
    return f"{line}; --budget {minutes} allows the {length.num_wanted:,} that they need{warning}"
