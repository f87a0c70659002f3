"""Save, load and compare the configuration of a run."""

import hashlib
import json
import os
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.config.base import get_config
from irl_inr_jax.config.checked_files import CHECKSUM, DamagedFile, read_json, write_json
from irl_inr_jax.types import InputError

# Blocks that training does not read: settings of a later evaluation.
AFTER_TRAINING = ("evaluation", "clustering")
# Blocks in which a run may be continued with other settings: they do not change the trained parameters.
MAY_CHANGE = (*AFTER_TRAINING, "speed")
# Keys of the other blocks that only determine when a run ends: patience may change, num_epochs may become larger.
MAY_CHANGE_KEYS = ("train.patience",)
MAY_GROW = "train.num_epochs"
# Keys of files and folders, which are stored as absolute paths: a run may be evaluated from another folder.
PATHS = ("path", "root", "labels_path")
_PLACES = tuple(("data", key) for key in PATHS)
# Keys that runs of earlier versions do not have, with the values under which they were made.
ADDED_KEYS = {
    "data.die_columns": ("wafer", "x", "y", "bin"),
    "data.pass_bins": (1,),
    "data.mask": (),
    "loss.neighbour_scale": 1.0,
    "loss.rotate_images": False,
    "train.holdout": 0.0,
    "train.patience": 0,
    "wafers.averaged_rings": 0.0,
    "model.initial_weights": "scaled",
    "model.encoder.padding": "same",
    "model.group_conv.disc": True,
    "loss.symmetry_views": 2,
    "vae.angle_mean": "direction",
    "clustering.consensus.wafers_weight": 0.0,
    "clustering.consensus.without_pattern": False,
    "clustering.scan.include_anchor": False,
    "clustering.scan.standardise": True,
    "clustering.scan.batch_norm": "frozen",
    "evaluation.raw_csv": False,
    "orbits.distance": "rotations",
    "clustering.orbit_selflabel.labels": "orbit_knn",
}


def flatten(config: ConfigDict) -> dict[str, object]:
    """Return {'data.name': 'mnist_u', ...}: every leaf by its dotted key."""
    leaves = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            leaves |= {f"{key}.{name}": leaf for name, leaf in flatten(value).items()}
        else:
            leaves[key] = value
    return leaves


def digest_config(config: ConfigDict) -> str:
    """Return a digest of the keys that determine the trained parameters, without the places of the files.

    A key of `ADDED_KEYS` with its value there does not count, so that versions before and after it agree.
    """
    chosen = {
        key: value
        for key, value in flatten(config).items()
        if key.split(".")[0] not in MAY_CHANGE
        and key not in (*MAY_CHANGE_KEYS, MAY_GROW, *(f"data.{name}" for name in PATHS))
        and not (key in ADDED_KEYS and value == ADDED_KEYS[key])
    }
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def to_json(config: ConfigDict) -> str:
    """Return the configuration as it is stored in a workdir, with absolute paths of the data."""
    return json.dumps(json.loads(with_absolute_paths(config).to_json()), indent=2) + "\n"


def with_absolute_paths(config: ConfigDict) -> ConfigDict:
    """Return a copy with absolute paths in the block `data`, if there is one; URLs and defaults are unchanged."""
    config, defaults = config.copy_and_resolve_references(), get_config().data
    for key in PATHS:
        value = config.data.get(key) if "data" in config else ""
        if value and value != defaults[key] and "://" not in value:
            config.data[key] = os.path.abspath(Path(value).expanduser())
    return config


def from_json(path: Path) -> ConfigDict:
    """Read the file that `write_config` wrote, with `ADDED_KEYS` where an earlier version wrote it.

    Raises InputError if there is none, it is not a configuration, or it was changed.
    """
    if not path.exists():
        raise InputError(
            f"expected a run's {path}, found none; train one first: irl-inr train --config NAME --workdir {path.parent}"
        )
    try:
        content = read_json(path, unchecked=_PLACES)
    except DamagedFile as error:
        raise InputError(
            f"expected {path} as it was written, found it edited or damaged ({error}); restore it. Paths in it may be "
            f"edited, settings of the evaluation are set with --set; to accept other edits delete its line {CHECKSUM}"
        ) from None
    return parse_config(json.dumps(content), place=str(path))


def parse_config(text: str, *, place: str) -> ConfigDict:
    """Return the configuration that `to_json` wrote, with `ADDED_KEYS`; place: where the text is from, for the error.

    Raises InputError if it is not a configuration.
    """
    try:
        stored = json.loads(text)
        for key, value in ADDED_KEYS.items():
            _add_key(stored, key, value)
        return ConfigDict(_lists_to_tuples(stored)).lock()
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"expected a configuration in {place}, found something else or a damaged file: {error}; restore it"
        ) from None


def _add_key(stored: dict, key: str, value: object) -> None:
    """Set a dotted key that is missing in its block; a missing block is left to the check of the configuration."""
    *blocks, name = key.split(".")
    for block in blocks:
        stored = stored.get(block, {})
    stored.setdefault(name, value)


def _lists_to_tuples(value: object) -> object:
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return tuple(_lists_to_tuples(item) for item in value) if isinstance(value, list) else value


def write_config(path: Path, config: ConfigDict) -> None:
    """Write the configuration of a run in one step; the paths of the data, which may move, are outside its checksum."""
    write_json(path, json.loads(to_json(config)), unchecked=_PLACES)


def find_earlier_run(workdir: Path, config: ConfigDict) -> ConfigDict | None:
    """Return the configuration of the run in `workdir`, which `config` continues, or None if there is none.

    Blocks in `MAY_CHANGE` and keys in `MAY_CHANGE_KEYS` may differ, and the number of epochs may be larger. Raises
    InputError if the run is of another configuration.
    """
    if not (workdir / "config.json").exists():
        return None
    before = from_json(workdir / "config.json")
    ours, theirs = (flatten(with_absolute_paths(each)) for each in (config, before))
    differing = sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))
    changed = [
        key for key in differing if key.split(".")[0] not in MAY_CHANGE and key not in (*MAY_CHANGE_KEYS, MAY_GROW)
    ]
    if not changed and MAY_GROW in differing and not _is_larger(ours.get(MAY_GROW), theirs.get(MAY_GROW)):
        raise InputError(
            f"expected config.{MAY_GROW} of at least {theirs.get(MAY_GROW)}, which the run in {workdir} has, found "
            f"{ours.get(MAY_GROW)}; more epochs continue that run, fewer need another --workdir"
        )
    if changed:
        key, number = changed[0], "1 key differs" if len(changed) == 1 else f"{len(changed)} keys differ"
        raise InputError(
            f"expected --workdir {workdir} to hold a run of the same configuration, found another: config.{key} is "
            f"{theirs.get(key)!r} there and {ours.get(key)!r} here ({number}); choose another "
            f"--workdir, or the same settings to continue that run"
        )
    return before


def claim_workdir(workdir: Path, config: ConfigDict, *, writes: bool = True) -> ConfigDict | None:
    """Write the configuration to `workdir`/config.json, create the folder, and return what the file held, or None.

    writes: False in a process that follows one which has written the file, and must find it.
    Raises InputError, and changes no file, as `find_earlier_run`, and for a folder that cannot be written.
    """
    path, before = workdir / "config.json", find_earlier_run(workdir, config)
    if before is not None:
        if writes and flatten(with_absolute_paths(config)) != flatten(with_absolute_paths(before)):
            write_config(path, config)
        return before
    if not writes:
        raise InputError(
            f"expected --workdir {workdir} on a file system that all processes share, found no config.json of process 0"
        )
    create_workdir(workdir)
    try:
        write_config(path, config)
    except OSError as error:
        raise InputError(f"expected --workdir {workdir} to be writable: {error}") from None
    return None


def create_workdir(workdir: Path) -> None:
    """Create the folder of a run. Raises InputError for a file in its place, and where that is not possible."""
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"expected --workdir to name a folder, found the file {workdir}")
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"expected --workdir {workdir} to be writable: {error}") from None


def _is_larger(ours: object, theirs: object) -> bool:
    return isinstance(ours, int) and isinstance(theirs, int) and ours > theirs
