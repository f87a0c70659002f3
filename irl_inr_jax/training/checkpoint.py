"""Train states on disk: orbax checkpoints with checksums.

Orbax skips a save that was interrupted, but it reads damaged bytes as numbers. So each checkpoint stores the checksum
of every file in it, and a checkpoint with a damaged file is skipped for the one before.

All processes of a run call these functions together, on a folder that they share; process 0 verifies the files.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from irl_inr_jax.devices.processes import ask_first_process, is_first_process, wait_for_all
from irl_inr_jax.types import InputError, PyTree, TrainState

CHECKSUMS = "sha256.json"
ABSENT, INTACT, DAMAGED = range(3)
NO_CHECKPOINT, NONE_INTACT = -1, -2  # steps start at 0


def open_checkpoints(folder: Path, *, keep: int) -> ocp.CheckpointManager:
    """Return the checkpoints in `folder`, of which the `keep` newest are kept."""
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    return ocp.CheckpointManager(folder.absolute(), options=options)


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint in `folder`, without a look into it, or None if there is none."""
    return max((int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()), default=None)


def save_state(manager: ocp.CheckpointManager, state: TrainState) -> None:
    """Write the state under its step and return when it is on disk.

    An intact checkpoint of that step is left unchanged, a damaged one is replaced.
    """
    step = int(state.step)
    folder = Path(manager.directory) / str(step)

    def examine() -> int:
        if step not in manager.all_steps():
            return ABSENT
        return INTACT if find_damage(folder) is None else DAMAGED

    found = ask_first_process(examine)
    if found == INTACT:
        return
    if found == DAMAGED:
        manager.delete(step)
    saved = manager.save(step, args=ocp.args.Composite(state=ocp.args.StandardSave(as_tree(state))))
    manager.wait_until_finished()
    assert saved, f"orbax declined to save step {step}"
    if is_first_process():
        (folder / CHECKSUMS).write_text(json.dumps(checksums(folder)))
    wait_for_all()


def restore_state(
    manager: ocp.CheckpointManager, template: TrainState, *, sharding: PyTree
) -> tuple[TrainState | None, list[str]]:
    """Return the newest intact state, or None without checkpoints, and a line about each damaged one skipped.

    template: a state, or its shapes from `jax.eval_shape`. sharding: of each of its leaves, or one for all. The number
    of processes and devices may differ from those that wrote it; only process 0 gets the lines.
    Raises InputError if there are checkpoints and all are damaged.
    """
    steps = sorted(manager.all_steps(), reverse=True)
    skipped = []

    def choose() -> int:
        for step in steps:
            damage = find_damage(Path(manager.directory) / str(step))
            if damage is None:
                return step
            skipped.append(f"checkpoint {step} is damaged ({damage}) and was skipped")
        return NONE_INTACT if steps else NO_CHECKPOINT

    chosen = ask_first_process(choose)
    if chosen == NONE_INTACT:
        raise InputError(
            f"expected an intact checkpoint in {manager.directory}, found only damaged ones (steps {steps}); "
            f"remove that folder to train from the beginning, or restore it from a copy"
        )
    if chosen == NO_CHECKPOINT:
        return None, skipped
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
            with path.open("rb") as file:
                sums[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def find_damage(folder: Path) -> str | None:
    """Return a description of the damage to the files of one checkpoint, or None if they are intact."""
    try:
        written = json.loads((folder / CHECKSUMS).read_text())
    except (OSError, json.JSONDecodeError):
        return f"its {CHECKSUMS} is missing or incomplete"
    found = checksums(folder)
    for name, checksum in written.items():
        if found.get(name) != checksum:
            return f"{name} is {'not as it was written' if name in found else 'missing'}"
    return None
