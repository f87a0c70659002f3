"""Train a run: claim its folder, continue from its newest checkpoint, take the steps that are left."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
from ml_collections import ConfigDict

from irl_inr_jax.clustering.neighbours.training_neighbours import load_neighbours
from irl_inr_jax.config.checked_files import write_json
from irl_inr_jax.config.storage import claim_workdir, digest_config, find_earlier_run
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.description import FILE, check_no_change, describe_dataset, sample_images
from irl_inr_jax.devices.mesh import gather, make_mesh
from irl_inr_jax.devices.processes import ask_first_process, first_process_first, is_first_process
from irl_inr_jax.report.training_monitor import follow_run
from irl_inr_jax.training.checkpoint import Checkpoints, check_wildcards, open_checkpoints, restore_state, save_state
from irl_inr_jax.training.heldout import METRIC, has_converged, hold_out, make_heldout_loss
from irl_inr_jax.training.logging import read_metric, read_metrics
from irl_inr_jax.training.loop import fit
from irl_inr_jax.training.preconditions import check_batch, check_neighbours
from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.training.run import Run, TakeStep, batches_of, init_state, make_run, make_take_step
from irl_inr_jax.training.stopping import watch_for_stop
from irl_inr_jax.training.workdir_lock import lock_workdir
from irl_inr_jax.types import Dataset, ImageSet, TrainState

logger = logging.getLogger(__name__)


def load_dataset(config: ConfigDict) -> Dataset:
    """Return the data set of the configuration, which the first process prepares before the others read it."""
    with first_process_first():
        return make_dataset(config.data)


def train(config: ConfigDict, workdir: Path, dataset: Dataset) -> int:
    """Take the steps of the run that are left and save the last state; return the exit status.

    Raises InputError if another process trains in `workdir`, for a path that cannot hold checkpoints, and as
    `claim_workdir`.
    """
    check_wildcards(workdir)
    mesh = make_mesh(jax.devices(), num_shards=config.model.hypernet.num_shards)
    kept, held_out = hold_out(dataset, share=config.train.holdout, seed=config.seed)
    check_batch(config, kept, mesh)
    check_neighbours(config, kept)
    find_earlier_run(workdir, config)  # the folder of another run is left as it is, without a lock
    with lock_run(workdir):
        claim_run(config, workdir, dataset)
        logger.info(describe_training_images(dataset, kept, held_out, num_devices=mesh.size))
        run = make_run(config, kept, mesh, load_neighbours(config, kept, workdir))
        return take_steps(run, held_out, workdir)


@contextlib.contextmanager
def lock_run(workdir: Path) -> Iterator[None]:
    """Hold the lock of training in process 0 within the block. Raises InputError in all if another run has it."""
    with contextlib.ExitStack() as held:

        def lock() -> int:
            held.enter_context(lock_workdir(workdir, "training"))
            return 0

        ask_first_process(lock)
        yield


def take_steps(run: Run, held_out: ImageSet | None, workdir: Path) -> int:
    """Continue from the newest checkpoint, take the steps that are left and save the last state; return the status."""
    config, train = run.config, run.config.train
    options = {"keep": train.keep_checkpoints, "config_digest": digest_config(config), "read_only": False}
    checkpoints = open_checkpoints(workdir / "checkpoints", **options)
    state = restore_or_init(run, checkpoints)
    start, every_save, every_picture = int(state.step), train.save_every_epochs, train.picture_every_epochs
    if find_early_end(run, workdir, step=start):
        checkpoints.manager.close()
        logger.info(f"training ended at step {start}, since {METRIC} no longer fell; config.train.patience=0 goes on")
        return 0
    if start == run.num_steps:  # also of a training-free method, which has a state but no steps
        save_state(checkpoints, state)
        checkpoints.manager.close()
        return 0
    has_ended, started = False, time.monotonic()
    with watch_for_stop(checkpoints.manager.reached_preemption) as stop_signal:
        take_step, heldout_loss = compile_run(run, held_out)
        started = time.monotonic()
        with follow_run(run, workdir, start=start) as (on_metrics, after_epoch):

            def measure_epoch(epoch: int, state: TrainState) -> dict[str, float]:
                if heldout_loss is None or epoch % every_save:
                    return {}
                return {METRIC: heldout_loss(gather(dataclasses.replace(state, opt_state=())))}

            def on_epoch(epoch: int, state: TrainState) -> None:
                nonlocal has_ended
                if epoch % every_save == 0:
                    has_ended = find_early_end(run, workdir, step=int(state.step))
                    save_state(checkpoints, state)
                shows = every_picture and epoch % every_picture == 0
                after_epoch(epoch, gather(dataclasses.replace(state, opt_state=())) if shows else None)

            state = fit(
                state,
                take_step,
                batches_of(run, start=start),
                log_every=train.log_every,
                steps_per_epoch=len(run.dataset.train.images) // train.batch_size or 1,
                measure_epoch=measure_epoch,
                on_metrics=on_metrics,
                on_epoch=on_epoch,
                should_stop=lambda done: has_ended or bool(stop_signal(done)),
            )
            step = int(state.step)
            save_state(checkpoints, state)
            checkpoints.manager.close()
            received = stop_signal(step)  # also a signal that arrived meanwhile: nothing may follow in this process
            status = 128 + received if received else 0
    if status:
        logger.info(f"stopped and saved at step {step}; the same command continues from there")
    elif has_ended and step < run.num_steps:
        logger.info(describe_early_end(run, step, (time.monotonic() - started) / (step - start)))
    return status


def compile_run(run: Run, held_out: ImageSet | None) -> tuple[TakeStep, Callable[[TrainState], float] | None]:
    """Return the compiled steps, and the compiled loss on the held-out images if there are any; log the time."""
    logger.info("compiling the step …")
    started = time.monotonic()
    take_step = make_take_step(run)
    heldout_loss = None if held_out is None else make_heldout_loss(run, held_out)
    logger.info(f"compiled in {format_seconds(time.monotonic() - started)}")
    return take_step, heldout_loss


def find_early_end(run: Run, workdir: Path, *, step: int) -> bool:
    """Return True if the losses on held-out images that are logged up to `step` end the run; the same in all processes.

    The log is the whole state of this decision, so that a continued run decides as an uninterrupted one.
    """
    patience = run.config.train.patience
    if not patience:
        return False
    return bool(ask_first_process(lambda: int(has_converged(read_metric(workdir, METRIC, until=step), patience))))


def describe_early_end(run: Run, step: int, step_seconds: float) -> str:
    """Return a line on a run that ended early and the time that this saved."""
    return (
        f"training ended at step {step:,} of {run.num_steps:,}: the loss on held-out images did not fall at the last "
        f"{run.config.train.patience} checkpoints; about {format_seconds((run.num_steps - step) * step_seconds)} saved"
    )


def describe_training_images(dataset: Dataset, kept: Dataset, held_out: ImageSet | None, *, num_devices: int) -> str:
    """Return a line on the images and the devices of a run, and the notes on the data."""
    held = "" if held_out is None else f", {len(held_out.ids)} held out"
    devices = f"{num_devices} x {jax.devices()[0].device_kind}"
    return "\n".join([f"{dataset.description}: {len(kept.train.ids)} training images{held}; {devices}", *dataset.notes])


def claim_run(config: ConfigDict, workdir: Path, dataset: Dataset) -> None:
    """Write the configuration and a description of the data to `workdir`.

    Raises InputError, in all processes, if it has a run of another configuration or other data, or a damaged log.
    """
    facts = describe_dataset(dataset, sample_images(dataset))
    with first_process_first():
        earlier = claim_workdir(workdir, config, writes=is_first_process())
        check_no_change(workdir, facts)
    if earlier is not None and earlier.train.num_epochs < config.train.num_epochs:
        logger.info(
            f"{config.train.num_epochs} epochs instead of {earlier.train.num_epochs}: the run goes on with the "
            f"learning rate of the longer schedule"
        )
    if is_first_process():
        write_json(workdir / FILE, facts)
    ask_first_process(lambda: len(read_metrics(workdir)))


def restore_or_init(run: Run, checkpoints: Checkpoints) -> TrainState:
    """Return the state of the newest undamaged checkpoint, or the initial state if there is none."""
    state = init_state(run)
    restored, damaged = restore_state(checkpoints, state, sharding=jax.tree.map(lambda leaf: leaf.sharding, state))
    for line in damaged:
        logger.warning(line)
    if restored is None:
        return state
    if int(restored.step):
        logger.info(f"continuing at step {int(restored.step)} of {run.num_steps}")
    return restored
