"""Time SCAN's two stages.

    python -m benchmarks.scan
    python -m benchmarks.scan --configs mnist_u:paper --num_timed 10000 --set model.dtype=bfloat16

Times one epoch of each stage on noise of the configuration's size, after one that compiles, and extrapolates to all
epochs of the stage for --num_images. The self-label stage may stop earlier, when the share of confident images stops
growing.
"""

from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

CONFIGS = flags.DEFINE_list("configs", ["mnist_u:paper"], "names of configs/, after a colon variants")
NUM_TIMED = flags.DEFINE_integer("num_timed", 4_000, "images of the timed epochs", lower_bound=2)
NUM_IMAGES = flags.DEFINE_integer("num_images", 60_000, "images of the extrapolated data set", lower_bound=1)
SET = flags.DEFINE_multi_string("set", [], "KEY=VALUE, a setting; may be given repeatedly")


def main() -> int:
    """Print one row per stage; return the exit status."""
    import jax

    from benchmarks.inputs import load_config
    from benchmarks.scan_stages import time_stages
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.training.progress import format_seconds

    rows = []
    for name in CONFIGS.value:
        stages = time_stages(load_config(name, SET.value), num_timed=NUM_TIMED.value)
        for stage, (seconds, num_epochs) in stages.items():
            rows.append(
                {
                    "configuration": name,
                    "stage": stage,
                    "images/s": round(1 / seconds),
                    "epochs": num_epochs,
                    f"of {NUM_IMAGES.value} images": format_seconds(seconds * num_epochs * NUM_IMAGES.value),
                }
            )
    print(f"{jax.local_devices()[0].device_kind}, jax {jax.__version__}, {NUM_TIMED.value} images timed")
    print(format_table(rows))
    return 0


if __name__ == "__main__":
    parse_flags()
    run_script(main)
