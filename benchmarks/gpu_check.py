"""Is everything right and fast on this accelerator? One command, one table.

    make gpu-check
    python -m benchmarks.gpu_check --output gpu_check.md
    python -m benchmarks.gpu_check --configs tiny --seconds 0.1      # the same on any device, to see that it runs

Right: loss and gradient of a small step on this device against the CPU's, for each choice of config.speed, products in
full precision; and those of bfloat16 against float32, which is to be near and not equal. Fast: the step of each
configuration in float32 and bfloat16, one a call and many, its share of the measured peak of its own type, what its
whole recipe would take, embedding, and SCAN's two stages. Where the time of a step goes, by a profile of the first
configuration (benchmarks/profile.py). Where PyTorch is installed, its step beside ours (benchmarks/torch_peer.py).
"""

# ruff: noqa: E402
from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

CONFIGS = flags.DEFINE_list("configs", ["mnist_u:paper", "mnist_u", "wm811k:paper"], "names of configs/ to be timed")
SECONDS = flags.DEFINE_float("seconds", 5.0, "how long each is timed", lower_bound=0.0)
NUM_IMAGES = flags.DEFINE_integer("num_images", 60_000, "images of the data set that a recipe is reckoned for")
NUM_TIMED = flags.DEFINE_integer("num_timed", 10_000, "images of the epochs of SCAN that are timed", lower_bound=2)
OUTPUT = flags.DEFINE_string("output", "gpu_check.md", "file for the table")
if __name__ == "__main__":
    parse_flags()  # before the slow imports, see irl_inr_jax/cli.py

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# PyTorch, in a process of its own, is to find memory left.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from ml_collections import ConfigDict

from benchmarks.inputs import changed, load_config, make_noise
from benchmarks.peak import make_peak
from benchmarks.profile import sum_profile
from benchmarks.scan_stages import time_stages, untrained
from benchmarks.stepper import count_flops, make_stepper
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.report.text_table import format_table
from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.training.run import make_run
from irl_inr_jax.types import Batch

STEPS_IN_A_CALL = 25
EQUAL = 1e-4  # relative, of losses and gradients in float32
NEAR = 0.1  # of bfloat16 to float32
CHOICES = {
    "as it comes": {},
    "convolutions matmul": {"speed.convolutions": "matmul"},
    "convolutions direct": {"speed.convolutions": "direct"},
    "remat all": {"speed.remat": "all"},
    "bfloat16": {"model.dtype": "bfloat16"},
}


def loss_and_gradient(config: ConfigDict, device: jax.Device) -> tuple[float, np.ndarray]:
    """Of the first step on the first images, computed on the device from parameters drawn on the CPU."""
    dataset = make_noise(config, 8)
    images = np.asarray(dataset.train.images, np.float32) / 255
    method = make_run(config, dataset, make_mesh(jax.devices()[:1])).method
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        learnt = jax.jit(method.init)(jax.random.key(0), images)
    batch = Batch(images=images, positions=np.arange(8, dtype=np.int32), progress=np.float32(0.5))
    with jax.default_matmul_precision("highest"), jax.default_device(device):
        given = jax.device_put((*learnt, jax.random.key(1), batch), device)
        (loss, _), gradient = jax.jit(jax.value_and_grad(method.loss, has_aux=True))(*given)
    return float(loss), np.asarray(ravel_pytree(jax.device_get(gradient))[0])


def check_agreement() -> list[dict[str, object]]:
    """A row a choice: how far loss and gradient on this device are from those of the CPU in float32."""
    config = load_config("tiny")
    with config.unlocked():
        config.model.encoder.update(trunk="resnet18", stage_sizes=(1, 1), width=8)
    plain = changed(config, {"speed.convolutions": "direct"})
    expected_loss, expected = loss_and_gradient(plain, jax.local_devices(backend="cpu")[0])
    rows = []
    for name, changes in CHOICES.items():
        loss, gradient = loss_and_gradient(changed(config, changes), jax.local_devices()[0])
        gradient_off = np.linalg.norm(gradient - expected) / np.linalg.norm(expected)
        off = max(abs(loss / expected_loss - 1), float(gradient_off))
        bound = NEAR if name == "bfloat16" else EQUAL
        rows.append({"what": f"right: {name}", "found": f"off by {off:.0e}", "goal": f"{bound:g}", "ok": off < bound})
    return rows


def time_steps(name: str) -> list[dict[str, object]]:
    """Rows of one configuration: images a second and share of the peak, by type and number of steps a call."""
    rows, config = [], load_config(name)
    dataset = make_noise(config, config.train.batch_size)
    flops = count_flops(config, dataset)
    for dtype in ("float32", "bfloat16"):
        peak = make_peak(dtype)
        for num_steps in (1, STEPS_IN_A_CALL):
            changes = {"model.dtype": dtype, "speed.steps_per_call": num_steps}
            stepper = make_stepper(changed(config, changes), dataset)
            stepper.take(2)
            speed = stepper.images_per_second(SECONDS.value)
            recipe = format_seconds(config.train.num_epochs * NUM_IMAGES.value / speed)
            found = f"{speed:.0f} images/s, {100 * speed * flops / peak():.0f} % of peak, recipe {recipe}"
            rows.append({"what": f"fast: {name}, {dtype}, {num_steps} steps a call", "found": found, "goal": "35 %"})
    return [*rows, time_embedding(name, config)]


def time_embedding(name: str, config: ConfigDict) -> dict[str, object]:
    """The row of embedding: images a second through the encoder."""
    dataset = make_noise(config, 4 * config.evaluation.batch_size)
    trained = untrained(config, dataset)
    trained.encode(dataset.train.images)
    started, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - started < SECONDS.value:
        trained.encode(dataset.train.images)
        calls += 1
    speed = calls * len(dataset.train.images) / (time.perf_counter() - started)
    return {"what": f"fast: {name}, embedding", "found": f"{speed:.0f} images/s", "goal": "3 x training"}


def time_scan(name: str) -> list[dict[str, object]]:
    """A row a stage of SCAN: what it would take."""
    config = changed(load_config(name), {"model.dtype": "bfloat16"})
    rows = []
    for stage, (seconds, num_epochs) in time_stages(config, num_timed=NUM_TIMED.value).items():
        found = f"{1 / seconds:.0f} images/s, {format_seconds(seconds * num_epochs * NUM_IMAGES.value)} in all"
        rows.append({"what": f"fast: {name}, bfloat16, SCAN, {stage}", "found": found, "goal": "10 min both"})
    return rows


def describe_profile(name: str) -> str:
    """Where the time of a step goes, in bfloat16 and many steps a call."""
    config = changed(load_config(name), {"model.dtype": "bfloat16", "speed.steps_per_call": STEPS_IN_A_CALL})
    stepper = make_stepper(config, make_noise(config, config.train.batch_size))
    stepper.take(1)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            stepper.take(1)
        rows, spent = sum_profile(Path(folder), stepper.compiled.as_text(), num_steps=STEPS_IN_A_CALL)
    return f"{name}, bfloat16: {sum(spent.values()):.2f} ms of operations a step\n{format_table(rows)}"


def main() -> int:
    """Prints and writes the table; 0 if all that can be right or wrong is right."""
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
    run_script(main)
