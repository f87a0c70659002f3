"""The loss on training images that are held out, and whether it still falls."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.data.subsets import take
from irl_inr_jax.training.run import Run
from irl_inr_jax.training.trained import trained_method
from irl_inr_jax.types import Batch, Dataset, ImageSet, InputError, PyTree, TrainState

METRIC = "heldout_loss"
MIN_HELD_OUT = 2  # a contrastive loss compares images with each other
MIN_DECREASE = 1e-3  # relative; a smaller one does not count
HELDOUT_STREAM = 2**31 - 2  # of the run's seed: epochs are numbered from 0


def hold_out(dataset: Dataset, *, share: float, seed: int) -> tuple[Dataset, ImageSet | None]:
    """Return the data set without `share` of its training images, chosen by the seed alone, and those images.

    A share of 0 returns the data set itself, and None. Raises InputError for a share of too few or of all images.
    """
    if share == 0:
        return dataset, None
    num_images = len(dataset.train.ids)
    count = round(share * num_images)
    if not MIN_HELD_OUT <= count < num_images:
        raise InputError(
            f"expected config.train.holdout to hold out at least {MIN_HELD_OUT} of the {num_images} training images "
            f"and to leave some, found {share}; set it to 0, or to {MIN_HELD_OUT / num_images:.2g} or more"
        )
    order = np.random.default_rng([seed, HELDOUT_STREAM]).permutation(num_images)
    kept, held_out = np.sort(order[count:]), np.sort(order[:count])
    return dataclasses.replace(dataset, train=take(dataset.train, kept)), take(dataset.train, held_out)


def make_heldout_loss(run: Run, images: ImageSet) -> Callable[[TrainState], float]:
    """Return the compiled mean loss of the held-out images as a function of a state that this process can read.

    Every call draws the same views, and the ramps of the loss are at their end, so that values of different steps
    compare. The term of neighbours takes another view of the image itself, as held-out images have none. Images that
    do not fill a batch are left out.
    """
    size = min(run.config.train.batch_size, len(images.ids))
    positions = jnp.arange(size, dtype=jnp.int32)
    key = jax.random.fold_in(jax.random.key(run.config.seed), HELDOUT_STREAM)
    has_neighbours = run.config.loss.neighbours > 0

    def batch_loss(params: PyTree, model_state: PyTree, key: jax.Array, stored: jax.Array) -> Float[Array, ""]:
        unit = to_unit(run.dataset.scaling, stored)
        neighbours = unit if has_neighbours else None
        batch = Batch(images=unit, positions=positions, progress=jnp.float32(1), neighbours=neighbours)
        return run.method.loss(params, model_state, key, batch)[0]

    first = np.asarray(images.images[:size])
    abstract = jax.eval_shape(run.init, run.first_images)
    program = jax.jit(batch_loss).lower(abstract.params, abstract.model_state, key, first).compile()

    def heldout_loss(state: TrainState) -> float:
        trained = trained_method(run, state)
        losses = []
        for number in range(len(images.ids) // size):
            stored = np.asarray(images.images[number * size : (number + 1) * size])
            losses.append(program(trained.params, trained.model_state, jax.random.fold_in(key, number), stored))
        return float(np.mean(jax.device_get(losses)))

    return heldout_loss


def count_stale(history: Sequence[float]) -> int:
    """Return the number of values since the last that was lower than all before it by more than `MIN_DECREASE`."""
    lowest, stale = float("inf"), 0
    for value in history:
        is_lower = value < lowest - MIN_DECREASE * abs(lowest) if np.isfinite(lowest) else np.isfinite(value)
        lowest, stale = (value, 0) if is_lower else (lowest, stale + 1)
    return stale


def has_converged(history: Sequence[float], patience: int) -> bool:
    """Return True if the last `patience` values are not lower than one before them; never for a patience of 0."""
    return patience > 0 and count_stale(history) >= patience
