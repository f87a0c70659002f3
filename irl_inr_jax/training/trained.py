"""The trained method of a run, from its state or from the newest checkpoint on disk."""

import logging
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.config.storage import digest_config
from irl_inr_jax.data.description import warn_of_change
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.checkpoint import is_finished, open_checkpoints, restore_state
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.training.run import Run, make_run
from irl_inr_jax.types import Dataset, InputError, TrainState

READ_ATTEMPTS = 5

logger = logging.getLogger(__name__)


def trained_method(run: Run, state: TrainState) -> TrainedMethod:
    """Return the run's method with the parameters of `state`, on one device."""
    params, model_state = jax.device_put(jax.tree.map(np.asarray, (state.params, state.model_state)))
    return TrainedMethod(
        method=run.method,
        params=params,
        model_state=model_state,
        scaling=run.dataset.scaling,
        batch_size=run.config.evaluation.batch_size,
    )


def read_newest(run: Run, folder: Path) -> TrainState | None:
    """Return the newest undamaged state in the folder of checkpoints, or None.

    Reads again if checkpoints changed meanwhile, since training may save and delete them.
    """
    for _ in range(READ_ATTEMPTS - 1):
        listed = _list_checkpoints(folder)
        try:
            state, damaged = _read_once(run, folder)
        except Exception:  # of many types: orbax finds parts of a checkpoint missing
            if _list_checkpoints(folder) == listed:
                raise
        else:
            if state is not None or _list_checkpoints(folder) == listed:
                break
    else:
        state, damaged = _read_once(run, folder)
    for line in damaged:
        logger.warning(line)
    return state


def _list_checkpoints(folder: Path) -> set[tuple[str, bool]]:
    """Return the names of the checkpoints, and which of them are finished."""
    return {(path.name, is_finished(path)) for path in folder.glob("[0-9]*")}


def _read_once(run: Run, folder: Path) -> tuple[TrainState | None, list[str]]:
    sharding = jax.tree.map(lambda leaf: leaf.sharding, run.abstract_state)
    checkpoints = open_checkpoints(folder, keep=1, config_digest=digest_config(run.config), read_only=True)
    try:
        return restore_state(checkpoints, run.abstract_state, sharding=sharding)
    finally:
        checkpoints.manager.close()


def load_trained(workdir: Path, config: ConfigDict, dataset: Dataset) -> tuple[TrainedMethod, int]:
    """Return the newest undamaged checkpoint of a run as a trained method, and its step.

    Raises InputError if there is none, and for a configuration that it was not trained with.
    """
    folder = workdir / "checkpoints"
    missing = InputError(f"expected checkpoints in {folder}, found none; train first with this --workdir")
    if not folder.is_dir():
        raise missing
    warn_of_change(workdir, dataset)
    run = make_run(config, dataset, make_mesh(jax.local_devices()[:1]), neighbours=None)
    state = read_newest(run, folder)
    if state is None:
        raise missing
    return trained_method(run, state), int(state.step)
