"""How fast is a training step, how near to what the machine can do, and what does each choice bring?

    python -m benchmarks.step
    python -m benchmarks.step --configs mnist_u:paper --batch_size 32 --rounds 3
    python -m benchmarks.step --configs mnist_u:paper --levers none --trace DIR --set model.dtype=bfloat16

For every configuration, first the step as it comes; then one lever moved at a time, the step with it and the step as it
comes timed in turn, --rounds times, so that whatever else the machine does disturbs both alike. Images are noise of the
configuration's size, and one device is used.

    images/s        median over the rounds
    ratio           images/s with the lever over images/s as it comes: median of the rounds' ratios
    of peak         model FLOPs a second over those of a large product of matrices, timed in the same rounds. Model
                    FLOPs are those of the plain step (XLA's convolutions, nothing twice), whatever the lever
    memory          arguments, results and temporaries of the compiled step
    loss off by     relative difference of the losses of the first two steps to those as it comes
"""

# ruff: noqa: E402
from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

CONFIGS = flags.DEFINE_list(
    "configs",
    ["mnist_u:paper", "wm811k:paper", "mnist_u:small", "wm811k:small", "digits_u"],
    "names of configs/, after a colon variants",
)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 0, "images a step; 0: the configuration's", lower_bound=0)
LEVERS_FLAG = flags.DEFINE_list("levers", ["all"], "which, by the first word of their row; all or none")
ROUNDS = flags.DEFINE_integer("rounds", 3, "how often each pair is timed", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 1.0, "least time that a round's steps take", lower_bound=0.0)
TRACE = flags.DEFINE_string(
    "trace", None, "folder for a profile of a few steps as they come, for TensorBoard or xprof; its parts are printed"
)
SET = flags.DEFINE_multi_string("set", [], "KEY=VALUE, a setting as the step comes; may be given repeatedly")
if __name__ == "__main__":
    parse_flags()  # before the slow imports, see irl_inr_jax/cli.py

import itertools
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from benchmarks.inputs import changed, load_config, make_noise
from benchmarks.peak import make_peak
from benchmarks.profile import name_operations, sum_profile
from benchmarks.stepper import Stepper, count_flops, make_stepper
from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.report.text_table import format_table
from irl_inr_jax.types import InputError

NUM_SLOWEST = 25


def list_levers(config: ConfigDict) -> dict[str, dict[str, object]]:
    """Row -> the settings that differ from the configuration; only those that it is not at already."""
    speed, pixels = choose_speed(config), config.loss.num_pixels
    levers = {
        "convolutions direct": {"speed.convolutions": "direct"},
        "convolutions matmul": {"speed.convolutions": "matmul"},
        "encoder twice": {"model.encoder.num_calls": 2},
        "bfloat16": {"model.dtype": "bfloat16"},
        "float32": {"model.dtype": "float32"},
        "steps a call: 1": {"speed.steps_per_call": 1},
        "steps a call: 10": {"speed.steps_per_call": 10},
        "pixels: 256 random ones": {"loss.num_pixels": 256},
        "pixels: all": {"loss.num_pixels": 0},
        "remat inr": {"speed.remat": "inr"},
        "remat all": {"speed.remat": "all"},
    }
    at = {
        f"convolutions {speed.convolutions}",
        f"steps a call: {speed.steps_per_call}",
        config.model.dtype,
        "pixels: all" if pixels == 0 else "pixels: 256 random ones",
    }
    if config.model.encoder.trunk != "resnet18":
        at |= {"convolutions direct", "convolutions matmul", "remat all"}
    return {name: changes for name, changes in levers.items() if name not in at}


def first_losses(stepper: Stepper) -> np.ndarray:
    """Of the first two steps, which also warm the program up."""
    losses: list[float] = []
    while len(losses) < 2:
        losses += stepper.take(1)
    return np.array(losses[:2])


def measure(name: str, config: ConfigDict) -> list[dict[str, object]]:
    """The rows of one configuration."""
    dataset = make_noise(config, config.train.batch_size)
    flops = count_flops(config, dataset)
    base = make_stepper(config, dataset)
    base_losses = first_losses(base)
    peaks = {dtype: make_peak(dtype) for dtype in ("float32", "bfloat16")}
    shared = {"configuration": f"{name}, {config.train.batch_size}", "GFLOP/image": flops / 1e9}
    if TRACE.value:
        print_profile(name, base)
    rounds = [(base.images_per_second(SECONDS.value), peaks[config.model.dtype]()) for _ in range(ROUNDS.value)]
    speed, peak = np.median(rounds, axis=0)
    rows = [
        {
            **shared,
            "lever": f"as it comes ({config.model.dtype})",
            "images/s": speed,
            "ratio": 1.0,
            "of peak": f"{100 * speed * flops / peak:.0f} %",
            "memory MB": round(base.memory_mb),
            "loss off by": "",
        }
    ]
    levers = list_levers(config)
    wanted = {lever: changes for lever, changes in levers.items() if asked_for(lever)}
    for lever, changes in wanted.items():
        other_config = changed(config, changes)
        other = make_stepper(other_config, dataset)
        difference = np.abs(first_losses(other) / base_losses - 1).max()
        rounds = []
        for _ in range(ROUNDS.value):
            pair = base.images_per_second(SECONDS.value), other.images_per_second(SECONDS.value)
            rounds.append((pair[1], pair[1] / pair[0], peaks[other_config.model.dtype]()))
        speed, ratio, peak = np.median(rounds, axis=0)
        rows.append(
            {
                **shared,
                "lever": lever,
                "images/s": speed,
                "ratio": ratio,
                "of peak": f"{100 * speed * flops / peak:.0f} %",
                "memory MB": round(other.memory_mb),
                "loss off by": f"{difference:.0e}",
            }
        )
        print(format_table(rows[-1:]), flush=True)
    return rows


def print_profile(name: str, stepper: Stepper) -> None:
    """Where the time of a step goes, and the operations that take most of it, by a profile that stays on disk."""
    folder, num_calls = Path(TRACE.value) / name.replace(":", "_"), 3
    with jax.profiler.trace(folder):
        stepper.take(num_calls)
    program = stepper.compiled.as_text()
    (folder / "program.txt").write_text(program)
    rows, spent = sum_profile(folder, program, num_steps=num_calls * stepper.num_steps)
    names = name_operations(program)
    print(f"{name}: {sum(spent.values()):.2f} ms of operations a step\n{format_table(rows)}\n")
    slowest = itertools.islice(spent.items(), NUM_SLOWEST)
    print(format_table([{"operation": op, "ms": ms, "is": names.get(op, "")[-90:]} for op, ms in slowest]), flush=True)


def asked_for(lever: str) -> bool:
    """Whether the flag --levers names it."""
    return LEVERS_FLAG.value == ["all"] or lever.split()[0].strip(":") in LEVERS_FLAG.value


def main() -> int:
    """Prints the table; the exit status."""
    configs = {name: load_config(name, SET.value) for name in CONFIGS.value}
    known = {lever.split()[0].strip(":") for config in configs.values() for lever in list_levers(config)}
    unknown = set(LEVERS_FLAG.value) - known - {"all", "none"}
    if unknown:
        raise InputError(f"expected --levers among all, none, {', '.join(sorted(known))}, found {min(unknown)!r}")
    rows = []
    for name, config in configs.items():
        with config.unlocked():
            config.train.batch_size = BATCH_SIZE.value or config.train.batch_size
        rows += measure(name, config)
    device = jax.local_devices()[0]
    print(f"one {device.device_kind}, jax {jax.__version__}, {ROUNDS.value} rounds")
    print(format_table(rows))
    return 0


if __name__ == "__main__":
    run_script(main)
