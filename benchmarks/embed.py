"""Is embedding at least three times as fast as training? Images per second of both, on random images.

    python -m benchmarks.embed
    python -m benchmarks.embed --configs digits_u,mnist_u:small --num_images 20000

For each configuration, training steps and encoding alternate for --rounds rounds, so that other load on the machine
affects both; the table has the medians and the median of the rounds' ratios. No files are needed: the images are noise
of the configuration's size. Compilation, logging and figures are not included.
"""

import itertools
import time

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.flags import parse_flags, run_script

CONFIGS = flags.DEFINE_list("configs", ["digits_u", "mnist_u:small"], "names of configs/, after a colon variants")
NUM_IMAGES = flags.DEFINE_integer("num_images", 4096, "images to encode per round", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 20, "calls of the training step per round", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 5, "number of timed rounds", lower_bound=1)


def main() -> int:
    """Print one row per configuration; return the exit status."""
    import jax

    from benchmarks.inputs import changed, load_config
    from irl_inr_jax.report.text_table import format_table

    rows = [
        {"configuration": name, **compare(changed(load_config(name), {"train.num_epochs": 10**6}))}
        for name in CONFIGS.value
    ]
    devices = jax.local_devices()
    print(f"{len(devices)} x {devices[0].device_kind}; {NUM_IMAGES.value} images, {ROUNDS.value} rounds; images/s")
    print(format_table(rows))
    return 0


def compare(config: ConfigDict) -> dict[str, float]:
    """Return images per second of training and of embedding and their ratio: medians over the rounds."""
    import jax
    import numpy as np

    from benchmarks.inputs import make_noise
    from irl_inr_jax.devices.mesh import make_mesh
    from irl_inr_jax.training.run import batches_of, init_state, make_run, make_take_step
    from irl_inr_jax.training.stored_images import arbitrary_neighbours
    from irl_inr_jax.training.trained import trained_method

    dataset = make_noise(config, max(NUM_IMAGES.value, config.train.batch_size))
    images = dataset.train.images[: NUM_IMAGES.value]
    neighbours = arbitrary_neighbours(config, len(dataset.train.images))
    run = make_run(config, dataset, make_mesh(jax.devices()), neighbours)
    state, take_step = init_state(run), make_take_step(run)
    feed = batches_of(run, start=0)
    trained = trained_method(run, state)
    rounds = []
    for _ in range(ROUNDS.value + 1):
        started = time.monotonic()
        taken = 0
        for _, batch in itertools.islice(feed, STEPS.value):
            state, _ = take_step(state, batch)
            taken += batch.size
        jax.block_until_ready(state)
        between = time.monotonic()
        trained.encode(images)
        rounds.append((taken / (between - started), len(images) / (time.monotonic() - between)))
    training, embedding = np.array(rounds[1:]).T  # the first one compiles
    return {
        "training": round(np.median(training)),
        "embedding": round(np.median(embedding)),
        "embedding / training": float(np.median(embedding / training)),
    }


if __name__ == "__main__":
    parse_flags()
    run_script(main)
