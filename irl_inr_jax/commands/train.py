"""Train the encoder of a configuration: `irl-inr train`.

    irl-inr train --config digits_u --workdir runs/digits
    irl-inr train --config mnist_u:small --workdir runs/mnist --config.data.root=DIR
    irl-inr train --config images:small --workdir runs/mine --config.data.path=DIR

The configuration sets the data, the method and the length of the run; irl_inr_jax/config/base.py documents every key,
and each can be set here as --config.KEY=VALUE. A colon chooses variants: mnist_u:paper, mnist_u:thesis,small. The same
command continues a run that was stopped. The next command is irl-inr evaluate --workdir DIR. All devices of this host
are used; for several hosts see docs/devices.md.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.flags import define_config, define_joining, join_others, read_config, run_command


def main(arguments: Sequence[str], usage: str = __doc__ or "") -> int:
    """Train as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=usage)


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    define_config(values, arguments)
    flags.DEFINE_string("workdir", None, "folder of the run, for all the files it writes", flag_values=values)
    define_joining(values)


def run(values: flags.FlagValues) -> int:
    """Join the other processes of the run, if there are any, and train with them; return the exit status."""
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import to_json
    from irl_inr_jax.devices import processes
    from irl_inr_jax.training.checkpoint import where_to_continue
    from irl_inr_jax.training.startup import Startup
    from irl_inr_jax.types import InputError

    startup = Startup()
    config = read_config(values)
    if config is None or values.workdir is None:
        raise InputError("expected --config NAME and --workdir DIR; see --help")
    workdir = Path(values.workdir)
    check_config(config)
    join_others(values)
    with processes.ends_with_the_others(lambda: where_to_continue(workdir / "checkpoints")):
        processes.check_same_everywhere(f"{workdir}\n{to_json(config)}")
        return train(config, workdir, startup)


def train(config, workdir: Path, startup) -> int:
    """Builds the run, takes its steps and leaves the last state on disk; the exit status."""
    import json

    import jax

    from irl_inr_jax.config.storage import claim_workdir
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.data.description import describe_dataset, sample_images
    from irl_inr_jax.devices import processes
    from irl_inr_jax.devices.mesh import gather, make_mesh
    from irl_inr_jax.report.training_monitor import follow_run
    from irl_inr_jax.training.checkpoint import open_checkpoints, restore_state, save_state
    from irl_inr_jax.training.loop import fit
    from irl_inr_jax.training.run import calls_a_line, check_batch, make_feed, make_run_step, total_steps
    from irl_inr_jax.training.stopping import stop_signals

    with startup.time_reading(), processes.first_process_first():
        dataset = make_dataset(config.data)
    check_batch(config, dataset, jax.device_count())
    mesh = make_mesh(jax.devices(), num_shards=config.model.hypernet.num_shards)
    with processes.first_process_first():
        claim_workdir(workdir, config, writes=processes.is_first_process())
    device = jax.devices()[0].device_kind
    processes.say(f"{dataset.description}: {len(dataset.train.images)} training images; {mesh.size} x {device}")
    processes.say("\n".join(dataset.notes))
    if processes.is_first_process():
        facts = describe_dataset(dataset, sample_images(dataset))
        (workdir / "data.json").write_text(json.dumps(facts, indent=2) + "\n")

    checkpoints = open_checkpoints(workdir / "checkpoints", keep=config.train.keep_checkpoints)
    state, take_step = make_run_step(config, dataset, mesh)
    restored, damaged = restore_state(checkpoints, state, sharding=jax.tree.map(lambda leaf: leaf.sharding, state))
    for line in damaged:
        processes.say(f"warning: {line}")
    state = restored or state
    start, steps = int(state.step), total_steps(config, dataset)
    if start:
        processes.say(f"continuing at step {start} of {steps}")
    with stop_signals() as received:
        signal_received = processes.agree_on_signal(received, every=calls_a_line(config, dataset))
        with follow_run(config, workdir, dataset, startup, start=start) as (on_metrics, after_epoch):

            def on_epoch(epoch, state):
                if epoch % config.train.save_every_epochs == 0:
                    save_state(checkpoints, state)
                every = config.train.picture_every_epochs
                after_epoch(epoch, gather(state.replace(opt_state=())) if every and epoch % every == 0 else None)

            state = fit(
                state,
                startup.time_first(take_step, say=processes.say),
                make_feed(config, dataset, start=start, mesh=mesh),
                log_every=config.train.log_every,
                steps_per_epoch=len(dataset.train.images) // config.train.batch_size or 1,
                on_metrics=on_metrics,
                on_epoch=on_epoch,
                should_stop=lambda: bool(signal_received()),
            )
        save_state(checkpoints, state)
        checkpoints.close()
        if int(state.step) < steps:
            processes.say(f"stopped and saved at step {int(state.step)}; the same command continues from there")
            return 128 + signal_received()
    processes.say(f"done: {workdir}/checkpoints holds the last state. Next: python evaluate.py --workdir {workdir}")
    return 0
