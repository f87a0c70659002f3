"""Train states on disk: orbax, with a checksum of our own.

Orbax leaves out a save that was cut off but reads damaged bytes as numbers, so each checkpoint carries a digest of
every value in it and one that does not match is passed over for the one before.
"""

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
from jaxtyping import PyTree

from irl_inr_jax.types import InputError, TrainState


def digest(tree: PyTree) -> str:
    """SHA-256 over the path, type, shape and bytes of every leaf."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)}{array.dtype}{array.shape}".encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def open_checkpoints(folder: Path, *, keep: int) -> ocp.CheckpointManager:
    """The checkpoints under `folder`, of which the `keep` newest stay."""
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    return ocp.CheckpointManager(folder.absolute(), options=options)


def save_state(manager: ocp.CheckpointManager, state: TrainState) -> None:
    """Writes the state under its step and returns when it is on disk. A step that is there already is left alone."""
    step = int(state.step)
    if step in manager.all_steps():
        return
    tree = as_tree(state)
    saved = manager.save(
        step,
        args=ocp.args.Composite(state=ocp.args.StandardSave(tree), check=ocp.args.JsonSave({"sha256": digest(tree)})),
    )
    manager.wait_until_finished()
    assert saved, f"orbax declined to save step {step}"


def restore_state(
    manager: ocp.CheckpointManager, template: TrainState, *, sharding: jax.sharding.Sharding
) -> tuple[TrainState | None, list[str]]:
    """The newest whole state, or None where there is no checkpoint, and a line about each damaged one passed over.

    template: a state, or the `jax.eval_shape` of one. Raises InputError when there are checkpoints and none is whole.
    """
    target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), as_tree(template))
    steps = sorted(manager.all_steps(), reverse=True)
    damaged = []
    for step in steps:
        found = _read_whole(manager, step, target)
        if found is not None:
            return template.replace(**found), damaged
        damaged.append(f"checkpoint {step} is damaged and was passed over")
    if steps:
        raise InputError(
            f"expected a whole checkpoint under {manager.directory}, found only damaged ones (steps {steps}); "
            f"remove that folder to train from the beginning, or restore it from a copy"
        )
    return None, damaged


def as_tree(state: TrainState) -> dict[str, PyTree]:
    """The state as a dict of trees of arrays."""
    fields = ("step", "key", "params", "model_state", "opt_state")
    return {name: getattr(state, name) for name in fields}


def _read_whole(manager: ocp.CheckpointManager, step: int, target: PyTree) -> PyTree | None:
    """The tree of one checkpoint, or None if it cannot be read or is not what was written."""
    arguments = ocp.args.Composite(state=ocp.args.StandardRestore(target), check=ocp.args.JsonRestore())
    with _quiet_orbax():
        try:
            found = manager.restore(step, args=arguments)
        # What orbax raises for a damaged file ranges from ValueError over JSONDecodeError to a bare Exception.
        except Exception:
            return None
    return found.state if digest(found.state) == found.check["sha256"] else None


@contextlib.contextmanager
def _quiet_orbax() -> Iterator[None]:
    """Without the pages that orbax and asyncio log about a file that they cannot read."""
    previous = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(previous)
