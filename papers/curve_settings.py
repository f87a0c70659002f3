"""The settings of --set for a curve: of training, which make another run, and of the final measurement."""

from collections.abc import Sequence

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import AFTER_TRAINING, flatten
from irl_inr_jax.types import InputError
from papers.curves import CURVES, Curve, curve_config
from papers.records import Settings
from papers.runner import Workspace

FLAG_KEYS = {"train.num_epochs": "--num_epochs", "data.root": "--root"}  # keys that a flag sets


def resolve_assignments(
    workspace: Workspace, curve: Curve, assignments: Sequence[str], *, with_final: bool
) -> tuple[Settings, Settings]:
    """Return the KEY=VALUE pairs of --set as settings of training and of the final measurement, sorted by key.

    Values have the types of the configuration, and settings of training that are the curve's own are left out: equal
    runs have equal settings. Raises InputError for invalid settings, and for settings and --final without effect.
    """
    config = curve_config(workspace, curve, 0)
    before = flatten(config)
    if with_final and curve.final is not None:
        config.update_from_flattened_dict(dict(curve.final.measure.settings))
    override_config(config, assignments, blocks=dict.fromkeys(key.split(".")[0] for key in before))
    keys = sorted({assignment.partition("=")[0].removeprefix("config.") for assignment in assignments})
    check_effect(curve, keys, with_final=with_final)
    check_config(config)
    after = flatten(config)
    trained = tuple((key, after[key]) for key in keys if not is_later(key) and after[key] != before[key])
    return trained, tuple((key, after[key]) for key in keys if is_later(key))


def is_later(key: str) -> bool:
    """Return whether only evaluations read a key."""
    return key.split(".")[0] in AFTER_TRAINING


def check_effect(curve: Curve, keys: Sequence[str], *, with_final: bool) -> None:
    """Raise InputError for keys and for --final without effect on a curve."""
    for key in keys:
        if key in FLAG_KEYS:
            raise InputError(f"expected {FLAG_KEYS[key]}, which sets {key}, found --set {key}; use that flag")
        is_of_clustering = key.startswith("clustering.")
        if is_of_clustering and curve.final and key.split(".")[1] != curve.final.measure.clusterer:
            raise InputError(
                f"expected a setting of {curve.final.measure.clusterer}, which --final measures for the curve "
                f"{curve.name}, found --set {key}; leave it out"
            )
        if is_later(key) and curve.final is None:
            raise InputError(
                f"expected settings of training for the curve {curve.name}, which has no final measurement, found "
                f"--set {key}; leave it out"
            )
        if is_later(key) and not with_final:
            raise InputError(
                f"expected --final with --set {key}, which only the final measurement reads, found none; add --final"
            )
    if with_final and curve.final is None:
        names = ", ".join(each.name for each in CURVES.values() if each.final is not None)
        raise InputError(f"expected a curve among {names} with --final, found {curve.name}; leave out --final")
