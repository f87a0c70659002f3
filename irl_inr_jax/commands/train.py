"""Train the encoder of a configuration: `irl-inr train`.

    irl-inr train --config digits_u --workdir runs/digits
    irl-inr train --config mnist_u:small --workdir runs/mnist --config.data.root=DIR
    irl-inr train --config images:small --workdir runs/mine --config.data.path=DIR

The configuration sets the data, the method and the length of the run; irl_inr_jax/config/base.py documents every key,
and each can be set here as --config.KEY=VALUE. A colon chooses variants: mnist_u:paper, mnist_u:thesis,small. The same
command continues a run that was stopped. The next command is irl-inr evaluate --workdir DIR. All devices of this host
are used; for several hosts see docs/devices.md. In a checkout, python train.py takes the same flags, and --config also
the path of a file: configs/mnist_u.py:small.
"""

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.configuration import define_config, read_config
from irl_inr_jax.commands.flags import define_joining, join_others, run_command

if TYPE_CHECKING:
    from orbax.checkpoint import CheckpointManager

    from irl_inr_jax.training.run import Run
    from irl_inr_jax.types import TrainState

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Train as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    define_config(values, arguments)
    flags.DEFINE_string("workdir", None, "folder of the run, for all the files it writes", flag_values=values)
    define_joining(values)


def run(values: flags.FlagValues) -> int:
    """Join the other processes of the run, if there are any, and train with them; return the exit status."""
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import to_json
    from irl_inr_jax.devices.processes import check_same_everywhere, is_first_process
    from irl_inr_jax.types import InputError

    config = read_config(values)
    if config is None or values.workdir is None:
        raise InputError("expected --config NAME and --workdir DIR; see --help")
    workdir = Path(values.workdir)
    check_config(config)
    join_others(values)
    if not is_first_process():
        logging.getLogger("irl_inr_jax").setLevel(logging.WARNING)
    check_same_everywhere(f"{workdir}\n{to_json(config)}")
    return train(config, workdir)


def train(config: ConfigDict, workdir: Path) -> int:
    """Take the steps of the run that are left and save the last state; return the exit status."""
    from irl_inr_jax.devices.mesh import gather
    from irl_inr_jax.report.training_monitor import follow_run
    from irl_inr_jax.training.checkpoint import open_checkpoints, save_state
    from irl_inr_jax.training.loop import fit
    from irl_inr_jax.training.run import batches_of, make_take_step
    from irl_inr_jax.training.stopping import watch_for_stop

    run = prepare_run(config, workdir)
    checkpoints = open_checkpoints(workdir / "checkpoints", keep=config.train.keep_checkpoints)
    state = restore_or_init(run, checkpoints)
    start = int(state.step)
    with (
        watch_for_stop(checkpoints.reached_preemption, start=start) as stop_signal,
        follow_run(run, workdir, start=start) as (on_metrics, after_epoch),
    ):

        def on_epoch(epoch: int, state: "TrainState") -> None:
            if epoch % config.train.save_every_epochs == 0:
                save_state(checkpoints, state)
            every = config.train.picture_every_epochs
            after_epoch(
                epoch, gather(dataclasses.replace(state, opt_state=())) if every and epoch % every == 0 else None
            )

        state = fit(
            state,
            make_take_step(run),
            batches_of(run, start=start),
            log_every=config.train.log_every,
            steps_per_epoch=len(run.dataset.train.images) // config.train.batch_size or 1,
            on_metrics=on_metrics,
            on_epoch=on_epoch,
            should_stop=lambda done: bool(stop_signal(done)),
        )
        status = 128 + stop_signal(int(state.step)) if int(state.step) < run.num_steps else 0
        save_state(checkpoints, state)
        checkpoints.close()
    if status:
        logger.info(f"stopped and saved at step {int(state.step)}; the same command continues from there")
    else:
        logger.info(f"done: {workdir}/checkpoints holds the last state. Next: irl-inr evaluate --workdir {workdir}")
    return status


def prepare_run(config: ConfigDict, workdir: Path) -> "Run":
    """Load the data set, claim `workdir`, describe the data there, find the neighbours and build the run."""
    import jax

    from irl_inr_jax.clustering.neighbours.training_neighbours import load_neighbours
    from irl_inr_jax.config.storage import claim_workdir
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.data.description import describe_dataset, sample_images
    from irl_inr_jax.devices.mesh import make_mesh
    from irl_inr_jax.devices.processes import first_process_first, is_first_process
    from irl_inr_jax.training.preconditions import check_batch, check_neighbours
    from irl_inr_jax.training.run import make_run

    with first_process_first():
        dataset = make_dataset(config.data)
    mesh = make_mesh(jax.devices(), num_shards=config.model.hypernet.num_shards)
    check_batch(config, dataset, mesh)
    check_neighbours(config, dataset)
    with first_process_first():
        claim_workdir(workdir, config, writes=is_first_process())
    device = jax.devices()[0].device_kind
    logger.info(f"{dataset.description}: {len(dataset.train.images)} training images; {mesh.size} x {device}")
    logger.info("\n".join(dataset.notes))
    if is_first_process():
        facts = describe_dataset(dataset, sample_images(dataset))
        (workdir / "data.json").write_text(json.dumps(facts, indent=2) + "\n")
    return make_run(config, dataset, mesh, load_neighbours(config, dataset, workdir))


def restore_or_init(run: "Run", checkpoints: "CheckpointManager") -> "TrainState":
    """Return the state of the newest undamaged checkpoint, or the initial state if there is none."""
    import jax

    from irl_inr_jax.training.checkpoint import restore_state
    from irl_inr_jax.training.run import init_state

    state = init_state(run)
    restored, damaged = restore_state(checkpoints, state, sharding=jax.tree.map(lambda leaf: leaf.sharding, state))
    for line in damaged:
        logger.warning(line)
    if restored is None:
        return state
    if int(restored.step):
        logger.info(f"continuing at step {int(restored.step)} of {run.num_steps}")
    return restored
