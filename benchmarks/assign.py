"""Compare the speed of assigning new images with that of training: images per second of CPU time, by part.

    python -m benchmarks.assign --model wafers.irl
    python -m benchmarks.assign --model wafers.irl --num_images 4096 --rounds 5

Training is that of the configuration of the model, with loading of the batches, as the progress line of `irl-inr train`
counts it. Its rounds and those of assigning alternate, and times are those of the process, so that other load on the
machine affects them less; the table has the medians. The images are those of the model. Compilation, reading of files
and the test of drift are not included.
"""

import itertools
import time
from collections.abc import Callable

from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

MODEL = flags.DEFINE_string("model", None, "file of irl-inr save with pixels of known images")
NUM_IMAGES = flags.DEFINE_integer("num_images", 2048, "images to assign per round", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 8, "training steps per round", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 3, "number of timed rounds", lower_bound=1)


def main() -> int:
    """Print one row for training, one for assigning and one for each of its parts; return the exit status."""
    from pathlib import Path

    import numpy as np

    from irl_inr_jax.deployment.bundle_file import load_bundle
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    if MODEL.value is None:
        raise InputError("expected --model NAME.irl, found none; write one with irl-inr save")
    bundle = load_bundle(Path(MODEL.value).expanduser())
    if not len(bundle.reference.images):
        raise InputError(f"expected a model with pixels of known images, found none in {MODEL.value}")
    stored = bundle.reference.images[np.arange(NUM_IMAGES.value) % len(bundle.reference.images)]
    tasks = {"training": make_training(bundle, stored), **make_parts(bundle, stored)}
    rounds = [{name: measure(task) for name, task in tasks.items()} for _ in range(ROUNDS.value + 1)]
    speeds = {name: float(np.median([timed[name] for timed in rounds[1:]])) for name in tasks}  # the first compiles
    rows = [
        {"part": name, "images/s": round(speed), "times training": round(speed / speeds["training"], 2)}
        for name, speed in speeds.items()
    ]
    print(format_table(rows))
    return 0


def measure(task: Callable[[], int]) -> float:
    """Return the images per second of CPU time of a task, which returns their number."""
    started = time.process_time()
    return task() / (time.process_time() - started)


def make_training(bundle, stored) -> Callable[[], int]:
    """Return a function that takes `--steps` steps of the configuration of the model from its initial state."""
    import jax

    from benchmarks.inputs import changed
    from irl_inr_jax.devices.mesh import make_mesh
    from irl_inr_jax.training.run import batches_of, init_state, make_run, make_take_step
    from irl_inr_jax.training.stored_images import arbitrary_neighbours
    from irl_inr_jax.types import Dataset, ImageSet

    config = changed(bundle.config, {"train.num_epochs": 10**6})
    images = ImageSet(stored, [str(row) for row in range(len(stored))], None, None)
    dataset = Dataset("known images", images, None, (), bundle.trained.scaling, "known images")
    run = make_run(config, dataset, make_mesh(jax.devices()), arbitrary_neighbours(config, len(stored)))
    take_step, feed = make_take_step(run), batches_of(run, start=0)
    state = init_state(run)

    def train() -> int:
        nonlocal state
        taken = 0
        for _, batch in itertools.islice(feed, STEPS.value):
            state, _ = take_step(state, batch)
            taken += batch.size
        jax.block_until_ready(state)
        return taken

    return train


def make_parts(bundle, stored) -> dict[str, Callable[[], int]]:
    """Return the whole of assigning, and its parts."""
    import numpy as np

    from irl_inr_jax.deployment.assigned_table import format_lines
    from irl_inr_jax.deployment.image_assignment import CHUNK, assign_stored, with_fast_batches
    from irl_inr_jax.deployment.novelty import encode_with_errors, make_error_grid, measure_novelty
    from irl_inr_jax.deployment.prediction import find_nearest, predict_by, search_reference

    bundle = with_fast_batches(bundle)
    count, sizes = len(stored), np.full((len(stored), 2), stored.shape[1])
    ids, grid = np.arange(count).astype(str), make_error_grid(bundle.config)
    latents, _, errors = encode_with_errors(bundle.trained, stored, grid)
    found = search_reference(bundle, latents)

    def assign() -> int:
        for first in range(0, count, CHUNK):
            rows = slice(first, first + CHUNK)
            format_lines(bundle, assign_stored(bundle, stored[rows], ids[rows], sizes[rows]))
        return count

    def times(part: Callable[[], object]) -> Callable[[], int]:
        return lambda: (part(), count)[1]

    return {
        "assign": assign,
        "  z, pose and errors": times(lambda: encode_with_errors(bundle.trained, stored, grid)),
        "  novelty": times(lambda: measure_novelty(bundle.familiarity, bundle.reference.latents, latents, errors)),
        "  neighbours and outlier score": times(lambda: find_nearest(bundle, search_reference(bundle, latents))),
        **{
            f"  {name}": times(lambda name=name: predict_by(name, bundle, latents, stored, lambda: found))
            for name in bundle.clusterers
        },
    }


if __name__ == "__main__":
    parse_flags()
    run_script(main)
