"""Train states on disk: orbax, with checksums of our own.

Orbax leaves out a save that was cut off but reads damaged bytes as numbers, so each checkpoint keeps the checksum of
every file in it, and one whose files are not what was written is passed over for the one before.

All processes of a run call these functions together, on a folder that they share; process 0 judges what lies there.
"""

import hashlib
import json
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from irl_inr_jax.devices.processes import ask_first_process, is_first_process, wait_for_all
from irl_inr_jax.types import InputError, PyTree, TrainState

CHECKSUMS = "sha256.json"
ABSENT, WHOLE, DAMAGED = range(3)
NO_CHECKPOINT, NONE_WHOLE = -1, -2  # beside the steps, which start at 0


def open_checkpoints(folder: Path, *, keep: int) -> ocp.CheckpointManager:
    """The checkpoints under `folder`, of which the `keep` newest stay."""
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    return ocp.CheckpointManager(folder.absolute(), options=options)


def save_state(manager: ocp.CheckpointManager, state: TrainState) -> None:
    """Writes the state under its step and returns when it is on disk. A whole one of that step is left alone.

    A damaged one of that step, which this run has passed over, is replaced.
    """
    step = int(state.step)
    folder = Path(manager.directory) / str(step)

    def look() -> int:
        if step not in manager.all_steps():
            return ABSENT
        return WHOLE if find_damage(folder) is None else DAMAGED

    found = ask_first_process(look)
    if found == WHOLE:
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
    """The newest whole state, or None where there is no checkpoint, and a line about each damaged one passed over.

    template: a state, or the `jax.eval_shape` of one. sharding: of each of its leaves, or one for all. The number of
    processes and devices may differ from those that wrote it; only process 0 gets the lines.
    Raises InputError when there are checkpoints and none is whole.
    """
    steps = sorted(manager.all_steps(), reverse=True)
    passed_over = []

    def choose() -> int:
        for step in steps:
            damage = find_damage(Path(manager.directory) / str(step))
            if damage is None:
                return step
            passed_over.append(f"checkpoint {step} is damaged ({damage}) and was passed over")
        return NONE_WHOLE if steps else NO_CHECKPOINT

    chosen = ask_first_process(choose)
    if chosen == NONE_WHOLE:
        raise InputError(
            f"expected a whole checkpoint under {manager.directory}, found only damaged ones (steps {steps}); "
            f"remove that folder to train from the beginning, or restore it from a copy"
        )
    if chosen == NO_CHECKPOINT:
        return None, passed_over
    target = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        as_tree(template),
        as_tree(jax.tree.broadcast(sharding, template)),
    )
    found = manager.restore(chosen, args=ocp.args.Composite(state=ocp.args.StandardRestore(target)))
    return template.replace(**found.state), passed_over


def where_to_continue(folder: Path) -> str:
    """For people: 'the last checkpoint (step 8)' of those under `folder` that were written to the end."""
    steps = [int(path.parent.name) for path in folder.glob(f"[0-9]*/{CHECKSUMS}")]
    return f"the last checkpoint (step {max(steps)})" if steps else "the beginning"


def as_tree(state: TrainState) -> dict[str, PyTree]:
    """The state as a dict of trees of arrays."""
    fields = ("step", "key", "params", "model_state", "opt_state")
    return {name: getattr(state, name) for name in fields}


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` but the list itself, by relative path."""
    sums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != CHECKSUMS:
            with path.open("rb") as file:
                sums[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def find_damage(folder: Path) -> str | None:
    """What is wrong with the files of one checkpoint, or None."""
    try:
        written = json.loads((folder / CHECKSUMS).read_text())
    except (OSError, json.JSONDecodeError):
        return f"its {CHECKSUMS} is missing or cut short"
    found = checksums(folder)
    for name, checksum in written.items():
        if found.get(name) != checksum:
            return f"{name} is {'not what was written' if name in found else 'missing'}"
    return None
