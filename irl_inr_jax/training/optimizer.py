"""Learning-rate schedule and optimizer."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from irl_inr_jax.types import PyTree


def make_schedule(train: ConfigDict, total_steps: int) -> optax.Schedule:
    """Return the learning rate by step: linear warm-up, then constant or a cosine decay to 1 % of the highest."""
    total_steps = max(total_steps, 1)  # 0 for a training-free method
    warmup = min(train.warmup_steps, total_steps - 1)
    if train.schedule == "cosine":
        return optax.warmup_cosine_decay_schedule(
            0.0 if warmup else train.learning_rate,
            train.learning_rate,
            warmup,
            total_steps,
            end_value=0.01 * train.learning_rate,
        )
    return optax.schedules.join_schedules(
        [optax.linear_schedule(0.0, train.learning_rate, warmup), optax.constant_schedule(train.learning_rate)],
        [warmup],
    )


def make_optimizer(
    train: ConfigDict, total_steps: int, *, norm: Callable[[PyTree], jax.Array] = optax.tree.norm
) -> optax.GradientTransformation:
    """Return Adam as configured; 'adam' adds the weight decay to the gradient, 'adamw' decouples it.

    norm: computes the norm of the whole gradient, of which a device may hold a part (`sharding.make_norm`).
    """
    clip = clip_by_norm(train.clip_norm, norm) if train.clip_norm else optax.identity()
    decay = optax.add_decayed_weights(train.weight_decay)
    adam = optax.scale_by_adam(b1=train.b1, b2=train.b2)
    descend = optax.scale_by_learning_rate(make_schedule(train, total_steps))
    order = (decay, adam) if train.optimizer == "adam" else (adam, decay)
    return allow_promotion(optax.chain(clip, *order, descend))


def clip_by_norm(max_norm: float, norm: Callable[[PyTree], jax.Array]) -> optax.GradientTransformation:
    """Return `optax.clip_by_global_norm` with another norm."""

    def clip(updates: PyTree, params: PyTree) -> PyTree:
        size = norm(updates)
        return jax.tree.map(lambda leaf: jnp.where(size < max_norm, leaf, leaf / size * max_norm), updates)

    return optax.stateless(clip)


def allow_promotion(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """Make the optimizer work under strict promotion, as in the tests: optax raises a float to an integer power."""

    def update(updates, state, params):
        with jax.numpy_dtype_promotion("standard"):
            return optimizer.update(updates, state, params)

    return optax.GradientTransformation(optimizer.init, update)
