"""Predict communication and duration of a step on many devices, from counts instead of timings.

    python -m benchmarks.scaling
    python -m benchmarks.scaling --config mnist_u:paper --devices 1,8,64,256 --batch_per_device 128
    python -m benchmarks.scaling --config mnist_u:paper --devices 8 --num_shards 8

The step is compiled for virtual CPU devices and its program is analysed: the collectives and the bytes of their results
per device, the FLOPs per device, and the memory of the state. Nothing is executed. The time is predicted for the chip
and the link given by the flags:

    compute     FLOPs / (peak of the chip x share of the peak)
    collective  2 (n - 1) / n x bytes / link for an all-reduce by rings, half of it for an all-gather or all-to-all
    step        compute + collectives, without overlap

`reduced` are the bytes of gradients, `statistics` those of batch norm and losses, `exchanged` those that a sharded
hypernetwork sends between devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.flags import parse_flags, run_script

if TYPE_CHECKING:
    from irl_inr_jax.types import Dataset

CONFIG = flags.DEFINE_string("config", "mnist_u:paper", "name in configs/, after a colon variants")
DEVICES = flags.DEFINE_list("devices", [str(2**power) for power in range(9)], "numbers of devices, separated by commas")
BATCH = flags.DEFINE_integer("batch_per_device", 128, "images per step on each device", lower_bound=1)
NUM_SHARDS = flags.DEFINE_integer("num_shards", 1, "devices that shard the hypernetwork's last layer", lower_bound=1)
CHIP = flags.DEFINE_float("chip_tflops", 790.0, "the chip's peak in TFLOP/s; 790 is bf16 as measured on an H200")
SHARE = flags.DEFINE_float("share", 0.35, "share of the peak that the step reaches", 0.0, 1.0)
LINK = flags.DEFINE_float("link_gb_s", 50.0, "GB/s that each device sends and receives; 50 is 400 Gbit/s")


def count(config: ConfigDict, dataset: Dataset, num_devices: int) -> dict[str, object]:
    """Return the row of one number of devices."""
    import jax

    from benchmarks.collectives import SMALL, count_collectives, predict_seconds
    from irl_inr_jax.devices.mesh import make_mesh
    from irl_inr_jax.training.run import lower_step, make_run
    from irl_inr_jax.training.stored_images import arbitrary_neighbours

    config = config.copy_and_resolve_references()
    with config.unlocked():
        config.train.batch_size = BATCH.value * num_devices
        config.speed.convolutions = "direct"  # its FLOPs are those of the model
        config.model.hypernet.num_shards = NUM_SHARDS.value
    mesh = make_mesh(jax.devices()[:num_devices], num_shards=NUM_SHARDS.value)
    neighbours = arbitrary_neighbours(config, len(dataset.train.images))
    compiled = lower_step(make_run(config, dataset, mesh, neighbours)).compile()
    collectives = count_collectives(compiled.as_text() or "") if num_devices > 1 else []
    large = [(kind, size) for kind, size in collectives if size >= SMALL]
    reduced = [size for kind, size in large if kind == "all-reduce"]
    exchanged = [size for kind, size in large if kind != "all-reduce"]
    flops = compiled.cost_analysis()["flops"]
    compute = flops / (CHIP.value * 1e12 * SHARE.value)
    crossing = predict_seconds(collectives, num_devices, LINK.value * 1e9)
    return {
        "devices": num_devices,
        "images per step": config.train.batch_size,
        "TFLOP/device": flops / 1e12,
        "reduced MB": sum(reduced) / 1e6,
        "in": len(reduced),
        "exchanged MB": sum(exchanged) / 1e6,
        "statistics MB": sum(size for _, size in collectives if size < SMALL) / 1e6,
        "state MB": round(compiled.memory_analysis().output_size_in_bytes / 1e6),
        "compute ms": 1e3 * compute,
        "collectives ms": 1e3 * crossing,
        "efficiency": f"{100 * compute / (compute + crossing):.0f} %",
    }


def main() -> int:
    """Print one row per number of devices; return the exit status."""
    import jax

    from benchmarks.inputs import load_config, make_noise
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    if not all(number.isdecimal() and int(number) % NUM_SHARDS.value == 0 and int(number) for number in DEVICES.value):
        raise InputError(
            f"expected whole numbers that --num_shards={NUM_SHARDS.value} divides for --devices, found "
            f"{','.join(DEVICES.value)}"
        )
    numbers = sorted(map(int, DEVICES.value))
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", numbers[-1])
    config = load_config(CONFIG.value)
    dataset = make_noise(config, BATCH.value)
    rows = [count(config, dataset, number) for number in numbers]
    print(
        f"{CONFIG.value}, {BATCH.value} images per device, hypernetwork sharded over {NUM_SHARDS.value}; "
        f"{CHIP.value:g} TFLOP/s at {100 * SHARE.value:g} %, {LINK.value:g} GB/s; jax {jax.__version__}"
    )
    print(format_table(rows))
    return 0


if __name__ == "__main__":
    parse_flags()
    run_script(main)
