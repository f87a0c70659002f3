"""Save, load and compare the configuration of a run."""

import json
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.types import InputError

# Blocks that have no part in training: settings of a later evaluation, which may have more keys than an older run.
AFTER_TRAINING = ("evaluation", "clustering")
# Blocks in which a run may be continued with other settings: they change nothing that is learnt.
MAY_CHANGE = (*AFTER_TRAINING, "speed")
# Blocks that older runs lack: of methods that they had not, and of what changes nothing that is learnt.
ADDED = ("vae", "simclr", "speed")
# What runs did that have no such keys in their `data` block.
BEFORE_THE_KEY = {"background": "0", "scaling": "type"}


def complete_config(config: ConfigDict, base: ConfigDict) -> None:
    """Adds what `base` has and an older run's configuration lacks.

    In `data` that is what was done when there was no such key, which may differ from today's default.
    """

    def complete(found: ConfigDict, known: ConfigDict) -> None:
        for key, value in known.items():
            if key not in found:
                found[key] = value
            elif isinstance(value, ConfigDict):
                complete(found[key], value)

    blocks = ConfigDict({block: base[block] for block in ("data", "loss", *ADDED, *AFTER_TRAINING)})
    parts = ("encoder", "hypernet", "pose", "spatial", "group_conv")
    blocks.model = ConfigDict({part: base.model[part] for part in parts})
    blocks.data.update(BEFORE_THE_KEY)
    with config.unlocked():
        complete(config, blocks)


def flatten(config: ConfigDict) -> dict[str, object]:
    """{'data.name': 'mnist_u', ...}: every leaf under its dotted key."""
    leaves = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            leaves |= {f"{key}.{name}": leaf for name, leaf in flatten(value).items()}
        else:
            leaves[key] = value
    return leaves


def to_json(config: ConfigDict) -> str:
    """The resolved configuration as it is kept in a workdir."""
    return json.dumps(json.loads(config.to_json()), indent=2) + "\n"


def from_json(path: Path) -> ConfigDict:
    """What `to_json` wrote. Raises InputError where there is no such file or it is not one."""
    if not path.exists():
        raise InputError(
            f"expected a run's {path}, found none; train one first: python train.py --workdir {path.parent}"
        )
    try:
        return ConfigDict(_lists_to_tuples(json.loads(path.read_text()))).lock()
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise InputError(f"expected a configuration in {path}, found something else: {error}") from None


def _lists_to_tuples(value: object) -> object:
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return tuple(_lists_to_tuples(item) for item in value) if isinstance(value, list) else value


def claim_workdir(workdir: Path, config: ConfigDict, base: ConfigDict, *, writes: bool = True) -> None:
    """Keeps the configuration in `workdir`/config.json, making the folder.

    writes: False in a process that comes after one which has done so, and must find it.
    Raises InputError if a run with another configuration lives there; nothing is touched then. What is in
    `MAY_CHANGE` may differ; the new settings are kept.
    """
    path = workdir / "config.json"
    if path.exists():
        before = from_json(path)
        complete_config(before, base)
        ours, theirs = flatten(config), flatten(before)
        differing = sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))
        changed = [key for key in differing if key.split(".")[0] not in MAY_CHANGE]
        if changed:
            key = changed[0]
            raise InputError(
                f"expected --workdir {workdir} to hold a run of the same configuration, found another: config.{key} is "
                f"{theirs.get(key)!r} there and {ours.get(key)!r} here ({len(changed)} in all differ); choose another "
                f"--workdir, or the same settings to continue that run"
            )
        if differing and writes:
            path.write_text(to_json(config))
        return
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"expected --workdir to name a folder, found the file {workdir}")
    if not writes:
        raise InputError(
            f"expected --workdir {workdir} on a file system that all processes share, found no config.json of process 0"
        )
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        path.write_text(to_json(config))
    except OSError as error:
        raise InputError(f"expected --workdir {workdir} to be writable: {error}") from None
