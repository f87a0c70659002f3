"""Time a training step relative to the machine's peak, and the effect of each option.

    python -m benchmarks.step
    python -m benchmarks.step --configs mnist_u:paper --batch_size 32 --rounds 3
    python -m benchmarks.step --configs mnist_u:paper --options none --trace DIR --set model.dtype=bfloat16

For each configuration, first the default step, then each option alone: the step with the option and the default step
are timed alternately for --rounds rounds, so that other load on the machine affects both. Images are noise of the
configuration's size, and one device is used.

    images/s        median over the rounds
    ratio           images/s with the option over images/s of the default: median of the rounds' ratios
    of peak         model FLOPs per second over those of a large matrix product, timed in the same rounds. Model FLOPs
                    are those of the plain step (XLA's convolutions, no recomputation) for every option
    memory          arguments, results and temporaries of the compiled step
    loss off by     relative difference of the losses of the first two steps from the default
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.flags import parse_flags, run_script

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.stepper import Stepper

CONFIGS = flags.DEFINE_list(
    "configs",
    ["mnist_u:paper", "wm811k:paper", "mnist_u:small", "wm811k:small", "digits_u"],
    "names of configs/, after a colon variants",
)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 0, "images per step; 0: the configuration's", lower_bound=0)
OPTIONS = flags.DEFINE_list("options", ["all"], "options by the first word of their row; all or none")
ROUNDS = flags.DEFINE_integer("rounds", 3, "number of timed rounds", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 1.0, "minimum duration of a round", lower_bound=0.0)
TRACE = flags.DEFINE_string(
    "trace", None, "folder for a profile of a few default steps, for TensorBoard or xprof; a summary is printed"
)
SET = flags.DEFINE_multi_string("set", [], "KEY=VALUE, a setting of the default step; may be given repeatedly")


NUM_SLOWEST = 25


def list_options(config: ConfigDict) -> dict[str, dict[str, object]]:
    """Return option → settings that differ from the configuration, without options that equal it."""
    from irl_inr_jax.devices.compute import choose_speed

    speed, pixels = choose_speed(config), config.loss.num_pixels
    options = {
        "convolutions direct": {"speed.convolutions": "direct"},
        "convolutions matmul": {"speed.convolutions": "matmul"},
        "encoder twice": {"model.encoder.num_calls": 2},
        "bfloat16": {"model.dtype": "bfloat16"},
        "float32": {"model.dtype": "float32"},
        "steps per call: 1": {"speed.steps_per_call": 1},
        "steps per call: 10": {"speed.steps_per_call": 10},
        "pixels: 256 random ones": {"loss.num_pixels": 256},
        "pixels: all": {"loss.num_pixels": 0},
        "remat inr": {"speed.remat": "inr"},
        "remat all": {"speed.remat": "all"},
    }
    at = {
        f"convolutions {speed.convolutions}",
        f"steps per call: {speed.steps_per_call}",
        config.model.dtype,
        "pixels: all" if pixels == 0 else "pixels: 256 random ones",
    }
    if config.model.encoder.trunk != "resnet18":
        at |= {"convolutions direct", "convolutions matmul", "remat all"}
    return {name: changes for name, changes in options.items() if name not in at}


def first_losses(stepper: Stepper) -> np.ndarray:
    """Return the losses of the first two steps, which also warm up the program."""
    import numpy as np

    losses: list[float] = []
    while len(losses) < 2:
        losses += stepper.take(1)
    return np.array(losses[:2])


def measure(name: str, config: ConfigDict) -> list[dict[str, object]]:
    """Return the rows of one configuration."""
    import numpy as np

    from benchmarks.inputs import changed, make_noise
    from benchmarks.peak import make_peak
    from benchmarks.stepper import count_flops, make_stepper
    from irl_inr_jax.report.text_table import format_table

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
            "option": f"default ({config.model.dtype})",
            "images/s": speed,
            "ratio": 1.0,
            "of peak": f"{100 * speed * flops / peak:.0f} %",
            "memory MB": round(base.memory_mb),
            "loss off by": "",
        }
    ]
    options = list_options(config)
    requested = {option: changes for option, changes in options.items() if is_requested(option)}
    for option, changes in requested.items():
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
                "option": option,
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
    """Profile the step, keep the profile, and print the time by part and the slowest operations."""
    import jax

    from benchmarks.profile import name_operations, sum_profile
    from irl_inr_jax.report.text_table import format_table

    folder, num_calls = Path(TRACE.value) / name.replace(":", "_"), 3
    with jax.profiler.trace(folder):
        stepper.take(num_calls)
    program = stepper.program
    (folder / "program.txt").write_text(program)
    rows, spent = sum_profile(folder, program, num_steps=num_calls * stepper.num_steps)
    names = name_operations(program)
    print(f"{name}: {sum(spent.values()):.2f} ms of operations per step\n{format_table(rows)}\n")
    slowest = itertools.islice(spent.items(), NUM_SLOWEST)
    print(format_table([{"operation": op, "ms": ms, "is": names.get(op, "")[-90:]} for op, ms in slowest]), flush=True)


def is_requested(option: str) -> bool:
    """Return whether --options names the option."""
    return OPTIONS.value == ["all"] or option.split()[0].strip(":") in OPTIONS.value


def main() -> int:
    """Print the table; return the exit status."""
    import jax

    from benchmarks.inputs import load_config
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    configs = {name: load_config(name, SET.value) for name in CONFIGS.value}
    known = {option.split()[0].strip(":") for config in configs.values() for option in list_options(config)}
    unknown = set(OPTIONS.value) - known - {"all", "none"}
    if unknown:
        raise InputError(f"expected --options among all, none, {', '.join(sorted(known))}, found {min(unknown)!r}")
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
    parse_flags()
    run_script(main)
