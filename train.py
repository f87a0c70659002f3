"""Learn a representation of images that is blind to how they are turned and shifted.

    python train.py --config configs/digits_u.py --workdir runs/digits
    python train.py --config configs/mnist_u.py:small --workdir runs/mnist --config.data.root=DIR
    python train.py --config configs/images.py:small --workdir runs/mine --config.data.path=DIR

The configuration says which data, which method and how long; configs/base.py lists every key with a line on each, and
any of them can be set here as --config.KEY=VALUE. A colon chooses variants: configs/mnist_u.py:paper,
configs/mnist_u.py:thesis,small. The same command again continues a run that was stopped. Next comes
python evaluate.py --workdir DIR. All devices of this host train; for several hosts see docs/devices.md.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
from absl import flags
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict, config_flags

from configs import base
from irl_inr_jax import distributed
from irl_inr_jax.checkpoint import open_checkpoints, restore_state, save_state, where_to_continue
from irl_inr_jax.cli import define_joining, read_config, run_script
from irl_inr_jax.data import make_dataset
from irl_inr_jax.inspection import describe_dataset, sample_images
from irl_inr_jax.logs import ConsoleProgress, MetricsLog
from irl_inr_jax.parallel import make_mesh
from irl_inr_jax.report.run_figures import save_training_picture
from irl_inr_jax.runs import (
    check_batch,
    make_feed,
    make_run_method,
    make_run_step,
    stop_signals,
    total_steps,
    trained_method,
)
from irl_inr_jax.settings import check_config, claim_workdir, to_json
from irl_inr_jax.training import fit
from irl_inr_jax.types import Dataset, InputError

CONFIG = config_flags.DEFINE_config_file("config", None, "a file of configs/, after a colon its variants")
WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run, for all that it leaves")
join_others = define_joining()


def main() -> int:
    """Joins the other processes of the run, if there are any, and trains with them; the exit status."""
    config = read_config(CONFIG)
    if config is None or WORKDIR.value is None:
        raise InputError("expected --config configs/NAME.py and --workdir DIR; see --help")
    workdir = Path(WORKDIR.value)
    check_config(config, base.get_config())
    join_others()
    with distributed.ends_with_the_others(lambda: where_to_continue(workdir / "checkpoints")):
        distributed.check_same_everywhere(to_json(config))
        return train(config, workdir)


def train(config: ConfigDict, workdir: Path) -> int:
    """Builds the run, takes its steps and leaves the last state on disk; the exit status."""
    with distributed.first_process_first():
        dataset = make_dataset(config.data)
    mesh = make_mesh(jax.devices())
    check_batch(config, dataset, mesh.size)
    with distributed.first_process_first():
        claim_workdir(workdir, config, writes=distributed.is_first_process())
    device = jax.devices()[0].device_kind
    distributed.say(f"{dataset.description}: {len(dataset.train.images)} training images; {mesh.size} x {device}")
    distributed.say("\n".join(dataset.notes))
    if distributed.is_first_process():
        facts = describe_dataset(dataset, sample_images(dataset))
        (workdir / "data.json").write_text(json.dumps(facts, indent=2) + "\n")

    checkpoints = open_checkpoints(workdir / "checkpoints", keep=config.train.keep_checkpoints)
    state, take_step = make_run_step(config, dataset, mesh)
    restored, damaged = restore_state(checkpoints, state, sharding=NamedSharding(mesh, PartitionSpec()))
    for line in damaged:
        distributed.say(f"warning: {line}")
    state = restored or state
    start, steps = int(state.step), total_steps(config, dataset)
    if start:
        distributed.say(f"continuing at step {start} of {steps}")
    with stop_signals() as received:
        signal_received = distributed.agree_on_signal(received, every=config.train.log_every)
        with follow_run(config, workdir, dataset, start=start) as (on_metrics, draw):

            def on_epoch(epoch, state):
                if epoch % config.train.save_every_epochs == 0:
                    save_state(checkpoints, state)
                draw(epoch, state)

            state = fit(
                state,
                take_step,
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
            distributed.say(f"stopped and saved at step {int(state.step)}; the same command continues from there")
            return 128 + signal_received()
    distributed.say(f"done: {workdir}/checkpoints holds the last state. Next: python evaluate.py --workdir {workdir}")
    return 0


@contextmanager
def follow_run(config: ConfigDict, workdir: Path, dataset: Dataset, *, start: int) -> Iterator[tuple]:
    """on_metrics(step, metrics) and draw(epoch, state): the run's log, console and pictures, in the first process."""
    if not distributed.is_first_process():
        yield (lambda step, metrics: None), (lambda epoch, state: None)
        return
    log = MetricsLog(workdir, start_step=start)
    console = ConsoleProgress(total_steps=total_steps(config, dataset), start_step=start, what="step")
    method = make_run_method(config, dataset, axis_name=None)
    clock = {"step": start, "time": time.monotonic()}

    def on_metrics(step, metrics):
        now = time.monotonic()
        speed = (step - clock["step"]) * config.train.batch_size / (now - clock["time"])
        clock.update(step=step, time=now)
        log.write(step, {**metrics, "images_per_second": speed})
        console.update(step, f"{speed:.0f} images/s  loss {metrics['loss']:.4f}")

    def draw(epoch, state):
        every = config.train.picture_every_epochs
        if every and epoch % every == 0 and method.reconstruct:
            path = workdir / "pictures" / f"epoch_{epoch:04d}.png"
            save_training_picture(path, trained_method(config, dataset, method, state), dataset.train)
            log.write_picture(int(state.step), "reconstructions", path)
        clock["time"] = time.monotonic()

    try:
        yield on_metrics, draw
    finally:
        console.close()
        log.close()


if __name__ == "__main__":
    run_script(main)
