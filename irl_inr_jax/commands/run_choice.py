"""Make the plan of `irl-inr run`: inspect the images, choose settings for them and the machine, estimate their cost."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_collections import ConfigDict

from irl_inr_jax.commands.inspect import inspect_dataset
from irl_inr_jax.commands.run_plan import Plan, announce, digest_images, write_plan

if TYPE_CHECKING:
    from irl_inr_jax.training.budget import Length
    from irl_inr_jax.training.cost import Cost
    from irl_inr_jax.types import Dataset


def load_images(config: ConfigDict, *, overrides: Mapping[str, Any], is_preset: bool) -> "Dataset":
    """Return the data set; without a preset, its side is chosen and set in `config`, except by `overrides`.

    Raises InputError for images that cannot be read, and for too few.
    """
    import numpy as np

    from irl_inr_jax.config.recipe import SizeFacts, choose_image_side, set_keys
    from irl_inr_jax.data.assembly import assemble_dataset
    from irl_inr_jax.data.datasets import open_source
    from irl_inr_jax.data.datasets.own_images import READER_KEYS, STACK_KEYS, find_reader
    from irl_inr_jax.training.budget import MIN_IMAGES
    from irl_inr_jax.types import InputError

    source = open_source(config.data)
    if not is_preset:
        sides = source.sizes.max(1)
        is_own = config.data.name == "images"
        keys = READER_KEYS.get(find_reader(config.data.path), STACK_KEYS) if is_own else STACK_KEYS
        in_files = "same_scale" in keys and not config.data.canvas
        chosen = choose_image_side(SizeFacts(int(sides.max()), float(np.median(sides)), in_files))
        set_keys(config, {**chosen, **overrides})
    dataset = assemble_dataset(config.data, source)
    if len(dataset.train.ids) < MIN_IMAGES:
        raise InputError(
            f"expected at least {MIN_IMAGES} training images in {config.data.path}, found {len(dataset.train.ids)}; "
            f"irl-inr needs many images that show the same things"
        )
    return dataset


def choose_recipe(config: ConfigDict, dataset: "Dataset", overrides: Mapping[str, Any]) -> None:
    """Set networks, loss, batch size and held-out images in `config`, except by `overrides`."""
    import jax

    from irl_inr_jax.config.recipe import apply_recipe, set_keys
    from irl_inr_jax.data.lazy import LazyImages
    from irl_inr_jax.training.budget import PATIENCE, choose_batch_size, choose_holdout

    num_images = len(dataset.train.ids)
    in_memory = not isinstance(dataset.train.images, LazyImages)
    apply_recipe(config, num_images=num_images, in_memory=in_memory, on_cpu=jax.default_backend() == "cpu")
    config.train.batch_size = choose_batch_size(
        num_images, largest=config.train.batch_size, num_devices=jax.device_count()
    )
    config.train.holdout = choose_holdout(num_images)
    set_keys(config, overrides)
    if config.train.holdout and "train.patience" not in overrides:
        config.train.patience = PATIENCE


def choose_cost(
    config: ConfigDict, dataset: "Dataset", *, overrides: Mapping[str, Any], is_preset: bool, budget: float | None
) -> tuple["Length", "Cost"]:
    """Measure a few steps, set the length of the run in `config`, except by `overrides`, and return both.

    budget: minutes, 0 for no bound, None for the default.
    """
    import jax

    from irl_inr_jax.config.recipe import set_keys
    from irl_inr_jax.training.budget import CPU_MINUTES, choose_length, count_epochs
    from irl_inr_jax.training.cost import estimate_cost

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
    seconds = length.num_steps * batch_size / cost.images_per_second
    return length, cost._replace(num_steps=length.num_steps, seconds=seconds)


def describe_choice(config: ConfigDict, dataset: "Dataset", length: "Length", cost: "Cost") -> str:
    """Return the choice and its cost in one line."""
    import jax

    from irl_inr_jax.training.progress import format_seconds

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


def save_inspection(folder: Path, facts: dict) -> None:
    """Write the facts and the cost of training as `irl-inr inspect` does."""
    import json

    (folder / "inspect.json").write_text(json.dumps(facts, indent=2) + "\n")


def make_plan(
    config: ConfigDict, request: dict[str, Any], folder: Path, overrides: dict[str, Any]
) -> tuple[Plan, "Dataset"]:
    """Inspect the images, choose the settings that are left, set them in `config` and write the plan.

    Raises InputError for images that cannot be used.
    """
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.recipe import list_changes
    from irl_inr_jax.types import InputError

    is_preset, budget = request["--config"] is not None, request["--budget"]
    announce(1, config.data.path or config.data.name)
    before = config.copy_and_resolve_references()
    dataset = load_images(config, overrides=overrides, is_preset=is_preset)
    wanted = request["--num-clusters"]
    if wanted.isdecimal() and int(wanted) > len(dataset.train.ids):
        raise InputError(f"expected --num-clusters of at most the {len(dataset.train.ids)} images, found {wanted}")
    if not is_preset:
        choose_recipe(config, dataset, overrides)
    check_config(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"expected --out {folder} to be writable: {error}") from None
    facts = inspect_dataset(config, dataset, folder / "inspect")
    print("\n".join([describe_images(facts), *(f"  warning: {line}" for line in facts["advice"])]), flush=True)
    announce(2, "trying a few steps …")
    summary = f"those of the preset {request['--config']}"
    if config.train.num_epochs and (not is_preset or budget is not None):
        length, cost = choose_cost(config, dataset, overrides=overrides, is_preset=is_preset, budget=budget)
        summary = describe_choice(config, dataset, length, cost)
        facts["cost"] = cost._asdict()
    save_inspection(folder / "inspect", facts)
    shape = list(dataset.train.images.shape[1:])
    digest = digest_images(dataset.train)
    plan = Plan(request, len(dataset.train.ids), shape, digest, list_changes(before, config), summary)
    write_plan(folder, plan)
    print(f"  {summary}", flush=True)
    return plan, dataset


def extend_plan(
    plan: Plan,
    request: dict[str, Any],
    config: ConfigDict,
    dataset: "Dataset",
    *,
    folder: Path,
    overrides: dict[str, Any],
) -> Plan:
    """Return and write the plan for another budget: more epochs if it allows them, otherwise as many as before."""
    from irl_inr_jax.config.recipe import set_keys

    trial, is_preset = config.copy_and_resolve_references(), request["--config"] is not None
    length, cost = choose_cost(trial, dataset, overrides=overrides, is_preset=is_preset, budget=request["--budget"])
    plan = plan._replace(request={**plan.request, "--budget": request["--budget"]})
    if trial.train.num_epochs > config.train.num_epochs:
        longer = {"train.num_epochs": trial.train.num_epochs}
        set_keys(config, longer)
        summary = describe_choice(config, dataset, length, cost)
        plan = plan._replace(settings={**plan.settings, **longer}, summary=summary)
    write_plan(folder, plan)
    return plan


def describe_images(facts: dict) -> str:
    """Return number, classes, sizes and values of the images in one line."""
    classes = len(facts["classes"].get("train", ()))
    return (
        f"  {facts['num_train'] + facts['num_test']:,} images, {f'{classes} classes' if classes else 'no labels'}; "
        f"{'; '.join(facts['notes'])}"
    )
