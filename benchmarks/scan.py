"""How long do SCAN's two stages take?

    python -m benchmarks.scan
    python -m benchmarks.scan --configs mnist_u:paper --num_timed 10000 --set model.dtype=bfloat16

An epoch of each stage on noise of the configuration's size, after one that compiles; from it the stage with all of its
epochs is reckoned for --num_images. The self-label stage ends sooner where the share of confident images stops to grow.
"""

# ruff: noqa: E402
from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

CONFIGS = flags.DEFINE_list("configs", ["mnist_u:paper"], "names of configs/, after a colon variants")
NUM_TIMED = flags.DEFINE_integer("num_timed", 4_000, "images of the epochs that are timed", lower_bound=2)
NUM_IMAGES = flags.DEFINE_integer("num_images", 60_000, "images that the stages are reckoned for", lower_bound=1)
SET = flags.DEFINE_multi_string("set", [], "KEY=VALUE, a setting; may be given repeatedly")
if __name__ == "__main__":
    parse_flags()  # before the slow imports, see irl_inr_jax/cli.py

import jax

from benchmarks.inputs import load_config
from benchmarks.scan_stages import time_stages
from irl_inr_jax.report.text_table import format_table
from irl_inr_jax.training.progress import format_seconds


def main() -> int:
    """Prints a row a stage; the exit status."""
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
    run_script(main)
