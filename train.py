"""Learn a representation of images that is blind to how they are turned and shifted.

    python train.py --config configs/digits_u.py --workdir runs/digits
    python train.py --config configs/mnist_u.py:small --workdir runs/mnist --config.data.root=DIR
    python train.py --config configs/images.py:small --workdir runs/mine --config.data.path=DIR

The configuration says which data, which method and how long; configs/base.py lists every key with a line on each, and
any of them can be set here as --config.KEY=VALUE. A colon chooses variants: configs/mnist_u.py:paper,
configs/mnist_u.py:thesis,small. The same command again continues a run that was stopped. Next comes
python evaluate.py --workdir DIR.
"""

# ruff: noqa: E402
from absl import flags
from ml_collections import config_flags

from irl_inr_jax.cli import parse_flags, read_config, run_script

CONFIG = config_flags.DEFINE_config_file("config", None, "a file of configs/, after a colon its variants")
WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run, for all that it leaves")
if __name__ == "__main__":
    parse_flags()  # before the slow imports, see irl_inr_jax/cli.py

import json
import time
from pathlib import Path

import jax
from jax.sharding import NamedSharding, PartitionSpec

from configs import base
from irl_inr_jax.checkpoint import open_checkpoints, restore_state, save_state
from irl_inr_jax.data import make_dataset
from irl_inr_jax.inspection import describe_dataset, sample_images
from irl_inr_jax.logs import ConsoleProgress, MetricsLog
from irl_inr_jax.parallel import make_mesh
from irl_inr_jax.report.training_picture import save_training_picture
from irl_inr_jax.runs import (
    check_batch,
    make_feed,
    make_run_method,
    make_run_step,
    total_steps,
    trained_method,
)
from irl_inr_jax.settings import check_config, claim_workdir
from irl_inr_jax.startup import Startup
from irl_inr_jax.stopping import stop_signals
from irl_inr_jax.training import fit
from irl_inr_jax.types import InputError


def main() -> int:
    """Builds the run, takes its steps and leaves the last state on disk; the exit status."""
    startup = Startup()
    config = read_config(CONFIG)
    if config is None or WORKDIR.value is None:
        raise InputError("expected --config configs/NAME.py and --workdir DIR; see --help")
    workdir = Path(WORKDIR.value)
    check_config(config, base.get_config())
    with startup.time_reading():
        dataset = make_dataset(config.data)
    mesh = make_mesh(jax.devices())
    check_batch(config, dataset, mesh.size)
    claim_workdir(workdir, config)
    device = jax.devices()[0].device_kind
    print(f"{dataset.description}: {len(dataset.train.images)} training images; {mesh.size} x {device}")
    print("\n".join(dataset.notes), flush=True)
    facts = describe_dataset(dataset, sample_images(dataset))
    (workdir / "data.json").write_text(json.dumps(facts, indent=2) + "\n")

    checkpoints = open_checkpoints(workdir / "checkpoints", keep=config.train.keep_checkpoints)
    state, take_step = make_run_step(config, dataset, mesh)
    restored, damaged = restore_state(checkpoints, state, sharding=NamedSharding(mesh, PartitionSpec()))
    for line in damaged:
        print(f"warning: {line}")
    state = restored or state
    with stop_signals() as signal_received:
        state = run_steps(config, workdir, dataset, state, take_step, checkpoints, signal_received, startup)
        save_state(checkpoints, state)
        checkpoints.close()
        if int(state.step) < total_steps(config, dataset):
            print(f"stopped and saved at step {int(state.step)}; the same command continues from there")
            return 128 + signal_received()
    print(f"done: {workdir}/checkpoints holds the last state. Next: python evaluate.py --workdir {workdir}")
    return 0


def run_steps(config, workdir, dataset, state, take_step, checkpoints, signal_received, startup):
    """`fit` with this run's log, console, pictures and checkpoints."""
    steps, start = total_steps(config, dataset), int(state.step)
    if start:
        print(f"continuing at step {start} of {steps}")
    log = MetricsLog(workdir, start_step=start)
    console = ConsoleProgress(total_steps=steps, start_step=start, what="step")
    method = make_run_method(config, dataset, axis_name=None)
    clock = {"step": start, "time": time.monotonic()}

    def on_metrics(step, metrics):
        now = time.monotonic()
        speed = (step - clock["step"]) * config.train.batch_size / (now - clock["time"])
        clock.update(step=step, time=now)
        log.write(step, {**metrics, "images_per_second": speed, **startup.take_scalars()})
        console.update(step, f"{speed:.0f} images/s  loss {metrics['loss']:.4f}")

    def on_epoch(epoch, state):
        train, step = config.train, int(state.step)
        if epoch % train.save_every_epochs == 0:
            save_state(checkpoints, state)
        if train.picture_every_epochs and epoch % train.picture_every_epochs == 0 and method.reconstruct:
            path = workdir / "pictures" / f"epoch_{epoch:04d}.png"
            save_training_picture(path, trained_method(config, dataset, method, state), dataset.train)
            log.write_picture(step, "reconstructions", path)
        clock["time"] = time.monotonic()

    try:
        return fit(
            state,
            startup.time_first(take_step, say=console.say),
            make_feed(config, dataset, start=start),
            log_every=config.train.log_every,
            steps_per_epoch=len(dataset.train.images) // config.train.batch_size or 1,
            on_metrics=on_metrics,
            on_epoch=on_epoch,
            should_stop=lambda: bool(signal_received()),
        )
    finally:
        console.close()
        log.close()


if __name__ == "__main__":
    run_script(main)
