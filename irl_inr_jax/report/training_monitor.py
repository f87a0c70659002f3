"""Log, console output and figures of a run during training, written by the first process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from irl_inr_jax.devices.processes import is_first_process
from irl_inr_jax.report.figures.names import name_data
from irl_inr_jax.report.figures.training_figure import NUM_SHOWN, evenly_spaced_rows, save_training_figure
from irl_inr_jax.training.logging import MetricsLog
from irl_inr_jax.training.progress import ConsoleProgress
from irl_inr_jax.training.run import Run
from irl_inr_jax.training.trained import trained_method
from irl_inr_jax.types import TrainState


@contextmanager
def follow_run(
    run: Run, workdir: Path, *, start: int
) -> Iterator[tuple[Callable[[int, dict[str, float]], None], Callable[[int, TrainState | None], None]]]:
    """Yield on_metrics(step, metrics) and after_epoch(epoch, state), which saves a figure unless the state is None.

    In all processes but the first they do nothing.
    """
    if not is_first_process():
        yield (lambda step, metrics: None), (lambda epoch, state: None)
        return
    log = MetricsLog(workdir, start_step=start)
    console = ConsoleProgress(total_steps=run.num_steps, start_step=start, what="step")
    clock = {"step": start, "time": time.monotonic()}

    def on_metrics(step: int, metrics: dict[str, float]) -> None:
        now = time.monotonic()
        speed = (step - clock["step"]) * run.config.train.batch_size / (now - clock["time"])
        clock.update(step=step, time=now)
        log.write(step, {**metrics, "images_per_second": speed})
        console.update(step, f"{speed:.0f} images/s  loss {metrics['loss']:.4f}")

    def after_epoch(epoch: int, state: TrainState | None) -> None:
        if state is not None and run.method.reconstruct:
            path = workdir / "pictures" / f"epoch_{epoch:04d}.png"
            images = run.dataset.train
            rows = evenly_spaced_rows(len(images.images), NUM_SHOWN)
            save_training_figure(path, trained_method(run, state), images, rows, name=name_data(run.config.data))
            log.write_image(int(state.step), "reconstructions", path)
        clock["time"] = time.monotonic()  # saving checkpoints and figures does not count as training

    try:
        yield on_metrics, after_epoch
    finally:
        console.close()
        log.close()
