"""Train states on disk: orbax checkpoints with checksums.

Orbax skips a save that was interrupted, but it reads damaged bytes as numbers. So each checkpoint stores the checksum
of every file in it, and a checkpoint with a damaged file is skipped for the one before. The checksums are written last:
a checkpoint without them was not finished, and older ones are deleted only after they are there.

All processes of a run call these functions together, on a folder that they share; process 0 verifies the files.
"""

import dataclasses
import threading
from pathlib import Path
from typing import NamedTuple

import jax
import orbax.checkpoint as ocp

from irl_inr_jax.config.checked_files import checksum_file, read_json, write_json
from irl_inr_jax.devices.processes import ask_first_process, is_first_process, wait_for_all
from irl_inr_jax.types import InputError, PyTree, TrainState

CHECKSUMS = "sha256.json"
ABSENT, INTACT = range(2)
NO_CHECKPOINT, NONE_INTACT = -1, -2  # steps start at 0
WRITING = threading.Lock()  # orbax numbers its saves per interpreter: two threads would wait for each other's
WILDCARDS = "*?[]"  # orbax takes the folder's path for a pattern of file names


class Checkpoints(NamedTuple):
    """The checkpoints of a run. keep: number of newest ones that stay. config_digest: of the run's configuration."""

    manager: ocp.CheckpointManager
    keep: int
    config_digest: str

    @property
    def folder(self) -> Path:
        """The folder of the checkpoints."""
        return Path(self.manager.directory)


def open_checkpoints(folder: Path, *, keep: int, config_digest: str, read_only: bool) -> Checkpoints:
    """Return the checkpoints in `folder`, of which the `keep` newest finished ones are kept.

    read_only: leave the folder unchanged, in which another process may be saving.

    Raises InputError for a path with wildcards, below which orbax finds no checkpoint.
    """
    check_wildcards(folder)
    # One more than `keep` until the checksums of a new one are written.
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep + 1, cleanup_tmp_directories=not read_only, create=not read_only
    )
    return Checkpoints(ocp.CheckpointManager(folder.absolute(), options=options), keep, config_digest)


def check_wildcards(folder: Path) -> None:
    """Raise InputError if the absolute path contains one of `WILDCARDS`."""
    found = [character for character in WILDCARDS if character in str(folder.absolute())]
    if found:
        raise InputError(
            f"expected a folder without {' '.join(WILDCARDS)} in its path, found {found[0]!r} in {folder.absolute()}; "
            f"checkpoints could not be read back from there: choose another folder"
        )


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint in `folder`, without a look into it, or None if there is none."""
    return max((int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()), default=None)


def save_state(checkpoints: Checkpoints, state: TrainState) -> None:
    """Write the state under its step and return when it is on disk.

    An intact checkpoint of that step is left unchanged. Damaged and unfinished ones of this and later steps, which
    remain from a run that was interrupted, are replaced. Older ones beyond `keep` are deleted last.
    """
    manager, step = checkpoints.manager, int(state.step)
    folder = checkpoints.folder / str(step)
    later = [found for found in sorted(manager.all_steps()) if found >= step]
    for found in later:
        if ask_first_process(lambda found=found: _examine(checkpoints.folder / str(found))) == ABSENT:
            manager.delete(found)
    if step not in manager.all_steps():
        with WRITING:
            saved = manager.save(step, args=ocp.args.Composite(state=ocp.args.StandardSave(as_tree(state))))
            manager.wait_until_finished()
        assert saved, f"orbax declined to save step {step}"
        if is_first_process():
            facts = {"config": checkpoints.config_digest, "files": checksums(folder)}
            write_json(folder / CHECKSUMS, facts)
        wait_for_all()
    for old in sorted(manager.all_steps())[: -checkpoints.keep]:
        manager.delete(old)


def _examine(folder: Path) -> int:
    return INTACT if is_finished(folder) and find_damage(folder) is None else ABSENT


def restore_state(
    checkpoints: Checkpoints, template: TrainState, *, sharding: PyTree
) -> tuple[TrainState | None, list[str]]:
    """Return the newest intact state, or None without finished checkpoints, and a line about each that was skipped.

    template: a state, or its shapes from `jax.eval_shape`. sharding: of each of its leaves, or one for all. The number
    of processes and devices may differ from those that wrote it; only process 0 gets the lines.
    Raises InputError if there are finished checkpoints and all are damaged, and for a configuration that the newest
    intact one was not trained with.
    """
    manager = checkpoints.manager
    steps = sorted(manager.all_steps(), reverse=True)
    skipped = []

    def choose() -> int:
        damaged = False
        for step in steps:
            folder = checkpoints.folder / str(step)
            if not is_finished(folder):
                skipped.append(f"checkpoint {step} was interrupted while it was written, and was skipped")
                continue
            damage = find_damage(folder)
            if damage is None:
                return step
            damaged = True
            skipped.append(f"checkpoint {step} is damaged ({damage}) and was skipped")
        return NONE_INTACT if damaged else NO_CHECKPOINT

    chosen = ask_first_process(choose)
    if chosen == NONE_INTACT:
        raise InputError(
            f"expected an intact checkpoint in {manager.directory}, found only damaged ones (steps {steps}); "
            f"remove that folder to train from the beginning, or restore it from a copy"
        )
    if chosen == NO_CHECKPOINT:
        if skipped:
            skipped.append("no checkpoint is complete: the run starts from the beginning")
        return None, skipped
    trained_with = read_config_digest(checkpoints.folder / str(chosen))
    if trained_with not in (None, checkpoints.config_digest):
        raise InputError(
            f"expected {checkpoints.folder.parent / 'config.json'} as the run was trained with it, found a key of the "
            f"data, the model or the training changed since; restore the file, or train again in another folder"
        )
    target = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        as_tree(template),
        as_tree(jax.tree.broadcast(sharding, template)),
    )
    found = manager.restore(chosen, args=ocp.args.Composite(state=ocp.args.StandardRestore(target)))
    return dataclasses.replace(template, **found.state), skipped


def as_tree(state: TrainState) -> dict[str, PyTree]:
    """Return the state as a dict of trees of arrays."""
    fields = ("step", "key", "params", "model_state", "opt_state")
    return {name: getattr(state, name) for name in fields}


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder` except the list of checksums, by relative path."""
    sums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != CHECKSUMS:
            sums[str(path.relative_to(folder))] = checksum_file(path)
    return sums


def is_finished(folder: Path) -> bool:
    """Return True if the checksums, which are written last, are there."""
    return (folder / CHECKSUMS).exists()


def find_damage(folder: Path) -> str | None:
    """Return a description of the damage to the files of one checkpoint, or None if they are intact."""
    facts = _read_facts(folder)
    if facts is None:
        return f"its {CHECKSUMS} is missing or incomplete"
    found = checksums(folder)
    for name, checksum in facts["files"].items():
        if found.get(name) != checksum:
            return f"{name} is {'not as it was written' if name in found else 'missing'}"
    return None


def read_config_digest(folder: Path) -> str | None:
    """Return the digest of the configuration of one checkpoint; None if an earlier version wrote it."""
    facts = _read_facts(folder)
    return None if facts is None else facts["config"]


def _read_facts(folder: Path) -> dict | None:
    """Return {"config": digest or None, "files": name -> checksum}, or None if the file is not as it was written."""
    try:
        facts = read_json(folder / CHECKSUMS)
    except (OSError, ValueError):
        return None
    facts = facts if "files" in facts else {"config": None, "files": facts}
    return facts if isinstance(facts["files"], dict) and "config" in facts else None
