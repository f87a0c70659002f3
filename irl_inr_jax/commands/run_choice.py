"""Make the plan of `irl-inr run`: inspect the images, choose settings for them and the machine, estimate their cost."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_collections import ConfigDict

from irl_inr_jax.commands.inspect import inspect_dataset
from irl_inr_jax.commands.run_plan import Plan, announce, write_plan

if TYPE_CHECKING:
    from irl_inr_jax.types import Dataset


def save_inspection(folder: Path, facts: dict) -> None:
    """Write the facts and the cost of training as `irl-inr inspect` does."""
    from irl_inr_jax.config.checked_files import write_json

    write_json(folder / "inspect.json", facts)


def make_plan(
    config: ConfigDict, request: dict[str, Any], folder: Path, overrides: dict[str, Any]
) -> tuple[Plan, "Dataset"]:
    """Inspect the images, choose the settings that are left, set them in `config` and write the plan.

    Raises InputError for images that cannot be used.
    """
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.recipe import list_changes
    from irl_inr_jax.data.description import digest_images
    from irl_inr_jax.types import InputError
    from irl_inr_jax.workflows.run_settings import choose_cost, choose_recipe, describe_choice, load_images

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
    from irl_inr_jax.workflows.run_settings import choose_cost, describe_choice

    trial, is_preset = config.copy_and_resolve_references(), request["--config"] is not None
    length, cost = choose_cost(trial, dataset, overrides=overrides, is_preset=is_preset, budget=request["--budget"])
    plan = plan._replace(request={**plan.request, "--budget": request["--budget"]})
    if trial.train.num_epochs > config.train.num_epochs:
        longer = {f"train.{key}": trial.train[key] for key in ("num_epochs", "patience")}
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
