"""The train step as pure functions: initial state, one step, several steps, and steps mapped over a mesh."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Int

from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.devices.sharding import average_gradients
from irl_inr_jax.training.stored_images import StoredImages, sample_neighbours
from irl_inr_jax.types import AxisName, Batch, Method, PyTree, Scaling, TrainState


def map_steps(
    train_steps: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, images_spec: P, state_specs: PyTree
) -> Callable:
    """Return (state, stored, indices (n, batch), positions (batch,), count) -> (state, metrics), jitted over the mesh.

    images_spec: of the stored images: replicated, or split as the rows of the batch are. The given state is donated.
    """
    axes = mesh.axis_names
    mapped = jax.shard_map(
        train_steps,
        mesh=mesh,
        in_specs=(state_specs, images_spec, P(None, axes), P(axes), P()),
        out_specs=(state_specs, P()),
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=0)


def init_train_state(
    method: Method, optimizer: optax.GradientTransformation, key: jax.Array, images: jax.Array
) -> TrainState:
    """Return the state before the first step. images: (b, h, w, c) in [0, 1], some of the training images."""
    params, model_state = method.init(key, images)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        key=jax.random.key_data(key),
        params=params,
        model_state=model_state,
        opt_state=optimizer.init(params),
    )


def make_train_step(
    method: Method,
    optimizer: optax.GradientTransformation,
    *,
    total_steps: int,
    scaling: Scaling,
    axis_name: AxisName,
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    """Return one step as a pure function (state, stored, indices, positions) -> (state, metrics).

    stored: the whole data set or, if it is streamed, the device's part of the batch. indices: (b,) rows of the stored
    images that form the batch. positions: (b,) their positions in the global batch. Under a mapped axis `axis_name`
    each device passes its part of both, and gradients and metrics are means over the axis.
    """

    def train_step(
        state: TrainState, stored: StoredImages, indices: Int[Array, "b"], positions: Int[Array, "b"]
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
        neighbours = None
        if stored.neighbours is not None:
            rows = sample_neighbours(key, stored.neighbours, indices, positions)
            neighbours = to_unit(scaling, stored.images[rows])
        batch = Batch(
            images=to_unit(scaling, stored.images[indices]),
            positions=positions,
            progress=state.step.astype(jnp.float32) / total_steps,
            neighbours=neighbours,
        )
        grads, (metrics, model_state) = jax.grad(method.loss, has_aux=True)(state.params, state.model_state, key, batch)
        grads = average_gradients(method, grads, axis_name)
        metrics = metrics if axis_name is None else jax.lax.pmean(metrics, axis_name)
        with jax.named_scope("optimizer"):
            updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
        state = dataclasses.replace(
            state, step=state.step + 1, params=params, model_state=model_state, opt_state=opt_state
        )
        return state, metrics

    return train_step


def make_train_steps(
    train_step: Callable[..., tuple[TrainState, dict[str, jax.Array]]],
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    """Return several steps as (state, stored, indices (n, b), positions, count) -> that of `repeat_step`."""

    def train_steps(
        state: TrainState,
        stored: StoredImages,
        indices: Int[Array, "n b"],
        positions: Int[Array, "b"],
        count: Int[Array, ""],
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        return repeat_step(lambda state, rows: train_step(state, stored, rows, positions), state, indices, count)

    return train_steps


def repeat_step(
    take_step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
    state: PyTree,
    batches: PyTree,
    count: Int[Array, ""],
) -> tuple[PyTree, PyTree]:
    """Take a step (state, batch) -> (state, metrics) with each of the first `count` of n batches.

    batches: arrays of n entries, one for each step.

    Return the last state and the metrics of each step (n, ...), zeros beyond `count`, which is an argument of the
    compiled program, so that the shorter call at the end of an epoch needs no second program. With n = 1 there is no
    loop.
    """
    num_batches = len(jax.tree.leaves(batches)[0])

    def batch_of(number: Int[Array, ""] | int) -> PyTree:
        return jax.tree.map(lambda leaf: leaf[number], batches)

    if num_batches == 1:
        state, metrics = take_step(state, batch_of(0))
        return state, jax.tree.map(lambda value: value[None], metrics)

    def take(number: jax.Array, carried: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        state, metrics = carried
        state, new = take_step(state, batch_of(number))
        return state, jax.tree.map(lambda all_, value: all_.at[number].set(value), metrics, new)

    _, shapes = jax.eval_shape(take_step, state, batch_of(0))
    metrics = jax.tree.map(lambda leaf: jnp.zeros((num_batches, *leaf.shape), leaf.dtype), shapes)
    return jax.lax.fori_loop(0, count, take, (state, metrics))
