"""Is the code correct and fast on this accelerator?

    make gpu-check
    python -m benchmarks.gpu_check --output gpu_check.md
    python -m benchmarks.gpu_check --configs tiny --seconds 0.1      # smoke test on any device

Correctness: loss and gradient of a small step on this device compared with the CPU, for each option of config.speed
with products in full precision; and bfloat16 compared with float32, which is close but not equal. Speed: the step of
each configuration in float32 and bfloat16, one and many per call, its share of the measured peak of that type, the time
of the whole recipe, embedding, and SCAN's two stages. Then the time of a step by part, from a profile of the first
configuration (benchmarks/profile.py), and PyTorch's step if it is installed (benchmarks/torch_peer.py).
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.flags import parse_flags, run_script

if TYPE_CHECKING:
    import jax
    import numpy as np

CONFIGS = flags.DEFINE_list("configs", ["mnist_u:paper", "mnist_u", "wm811k:paper"], "names of configs/ to time")
SECONDS = flags.DEFINE_float("seconds", 5.0, "minimum duration of each timing", lower_bound=0.0)
NUM_IMAGES = flags.DEFINE_integer("num_images", 60_000, "images of the data set for the time of a recipe")
NUM_TIMED = flags.DEFINE_integer("num_timed", 10_000, "images of the timed epochs of SCAN", lower_bound=2)
OUTPUT = flags.DEFINE_string("output", "gpu_check.md", "file for the table")


STEPS_PER_CALL = 25
EQUAL = 1e-4  # relative error of losses and gradients in float32
NEAR = 0.1  # relative error of bfloat16 to float32
OPTIONS = {
    "default": {},
    "convolutions matmul": {"speed.convolutions": "matmul"},
    "convolutions direct": {"speed.convolutions": "direct"},
    "remat all": {"speed.remat": "all"},
    "bfloat16": {"model.dtype": "bfloat16"},
}


def loss_and_gradient(config: ConfigDict, device: jax.Device) -> tuple[float, np.ndarray]:
    """Return loss and gradient of the first step on the device, from parameters initialised on the CPU."""
    import jax
    import numpy as np
    from jax.flatten_util import ravel_pytree

    from benchmarks.inputs import make_noise
    from irl_inr_jax.devices.mesh import make_mesh
    from irl_inr_jax.training.run import make_run
    from irl_inr_jax.types import Batch

    dataset = make_noise(config, 8)
    images = np.asarray(dataset.train.images, np.float32) / 255
    method = make_run(config, dataset, make_mesh(jax.devices()[:1]), neighbours=None).method
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        variables = jax.jit(method.init)(jax.random.key(0), images)
    batch = Batch(
        images=images,
        positions=np.arange(8, dtype=np.int32),
        progress=np.float32(0.5),
        neighbours=images[::-1] if config.loss.neighbours else None,
    )
    with jax.default_matmul_precision("highest"), jax.default_device(device):
        given = jax.device_put((*variables, jax.random.key(1), batch), device)
        (loss, _), gradient = jax.jit(jax.value_and_grad(method.loss, has_aux=True))(*given)
    return float(loss), np.asarray(ravel_pytree(jax.device_get(gradient))[0])


def check_agreement() -> list[dict[str, object]]:
    """Return one row per option: the error of loss and gradient on this device relative to the CPU in float32."""
    import jax
    import numpy as np

    from benchmarks.inputs import changed, load_config

    config = load_config("tiny")
    with config.unlocked():
        config.model.encoder.update(trunk="resnet18", stage_sizes=(1, 1), width=8)
    plain = changed(config, {"speed.convolutions": "direct"})
    expected_loss, expected = loss_and_gradient(plain, jax.local_devices(backend="cpu")[0])
    rows = []
    for name, changes in OPTIONS.items():
        loss, gradient = loss_and_gradient(changed(config, changes), jax.local_devices()[0])
        gradient_error = np.linalg.norm(gradient - expected) / np.linalg.norm(expected)
        error = max(abs(loss / expected_loss - 1), float(gradient_error))
        bound = NEAR if name == "bfloat16" else EQUAL
        rows.append(
            {"check": f"correct: {name}", "result": f"error {error:.0e}", "goal": f"{bound:g}", "ok": error < bound}
        )
    return rows


def time_steps(name: str) -> list[dict[str, object]]:
    """Return the rows of one configuration: images per second and share of the peak, by type and steps per call."""
    from benchmarks.inputs import changed, load_config, make_noise
    from benchmarks.peak import make_peak
    from benchmarks.stepper import count_flops, make_stepper
    from irl_inr_jax.training.progress import format_seconds

    rows, config = [], load_config(name)
    dataset = make_noise(config, config.train.batch_size)
    flops = count_flops(config, dataset)
    for dtype in ("float32", "bfloat16"):
        peak = make_peak(dtype)
        for num_steps in (1, STEPS_PER_CALL):
            changes = {"model.dtype": dtype, "speed.steps_per_call": num_steps}
            stepper = make_stepper(changed(config, changes), dataset)
            stepper.take(2)
            speed = stepper.images_per_second(SECONDS.value)
            recipe = format_seconds(config.train.num_epochs * NUM_IMAGES.value / speed)
            result = f"{speed:.0f} images/s, {100 * speed * flops / peak():.0f} % of peak, recipe {recipe}"
            rows.append(
                {"check": f"speed: {name}, {dtype}, {num_steps} steps per call", "result": result, "goal": "35 %"}
            )
    return [*rows, time_embedding(name, config)]


def time_embedding(name: str, config: ConfigDict) -> dict[str, object]:
    """Return the row of embedding: images per second through the encoder."""
    from benchmarks.inputs import make_noise
    from benchmarks.scan_stages import untrained

    dataset = make_noise(config, 4 * config.evaluation.batch_size)
    trained = untrained(config, dataset)
    trained.encode(dataset.train.images)
    started, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - started < SECONDS.value:
        trained.encode(dataset.train.images)
        calls += 1
    speed = calls * len(dataset.train.images) / (time.perf_counter() - started)
    return {"check": f"speed: {name}, embedding", "result": f"{speed:.0f} images/s", "goal": "3 x training"}


def time_scan(name: str) -> list[dict[str, object]]:
    """Return one row per stage of SCAN with its predicted time."""
    from benchmarks.inputs import changed, load_config
    from benchmarks.scan_stages import time_stages
    from irl_inr_jax.training.progress import format_seconds

    config = changed(load_config(name), {"model.dtype": "bfloat16"})
    rows = []
    for stage, (seconds, num_epochs) in time_stages(config, num_timed=NUM_TIMED.value).items():
        result = f"{1 / seconds:.0f} images/s, {format_seconds(seconds * num_epochs * NUM_IMAGES.value)} in total"
        rows.append({"check": f"speed: {name}, bfloat16, SCAN, {stage}", "result": result, "goal": "10 min both"})
    return rows


def describe_profile(name: str) -> str:
    """Return the time of a step by part, in bfloat16 with many steps per call."""
    import jax

    from benchmarks.inputs import changed, load_config, make_noise
    from benchmarks.profile import sum_profile
    from benchmarks.stepper import make_stepper
    from irl_inr_jax.report.text_table import format_table

    config = changed(load_config(name), {"model.dtype": "bfloat16", "speed.steps_per_call": STEPS_PER_CALL})
    stepper = make_stepper(config, make_noise(config, config.train.batch_size))
    stepper.take(1)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            stepper.take(1)
        rows, spent = sum_profile(Path(folder), stepper.program, num_steps=STEPS_PER_CALL)
    return f"{name}, bfloat16: {sum(spent.values()):.2f} ms of operations per step\n{format_table(rows)}"


def main() -> int:
    """Print and write the table; return 0 if all correctness checks pass."""
    import jax

    from irl_inr_jax.report.text_table import format_table

    # PyTorch runs in another process, which needs memory on the same GPU.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    device = jax.local_devices()[0]
    print(f"{device.device_kind}, jax {jax.__version__}", flush=True)
    rows = check_agreement()
    for name in CONFIGS.value:
        rows += time_steps(name)
        print(format_table(rows[-5:]), flush=True)
    rows += time_scan(CONFIGS.value[0])
    text = (
        f"{device.device_kind}, jax {jax.__version__}\n\n{format_table(rows)}\n\n{describe_profile(CONFIGS.value[0])}\n"
    )
    Path(OUTPUT.value).write_text(text)
    if importlib.util.find_spec("torch") and jax.default_backend() != "cpu":
        command = [sys.executable, "-m", "benchmarks.torch_peer", "--compile", "--rounds=5", "--steps=10"]
        for dtype in ("float32", "bfloat16"):
            done = subprocess.run([*command, f"--dtype={dtype}"], capture_output=True, text=True)
            failure = [f"ended with status {done.returncode}", *done.stderr.strip().splitlines()][-1]
            text += f"\n{done.stdout if done.returncode == 0 else failure}\n"
    print(text)
    Path(OUTPUT.value).write_text(text)
    print(f"written to {OUTPUT.value}")
    return 0 if all(row.get("ok", True) for row in rows) else 1


if __name__ == "__main__":
    parse_flags()
    run_script(main)
