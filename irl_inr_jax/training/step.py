"""The train step: initial state, one step or several, and the step mapped over a device mesh."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Int

from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.devices.mesh import replicate, split_over_devices
from irl_inr_jax.devices.sharding import average_gradients
from irl_inr_jax.types import AxisName, Batch, Method, PyTree, Scaling, TrainState

TakeStep = Callable[[TrainState, np.ndarray], tuple[TrainState, dict[str, jax.Array]]]


def make_take_step(
    train_steps: Callable[..., tuple[TrainState, dict[str, jax.Array]]],
    mesh: Mesh,
    stored_images: np.ndarray,
    *,
    state_specs: PyTree,
    batch_size: int,
    steps_per_call: int,
) -> TakeStep:
    """(state, indices (n, batch_size) on the host) -> (state, metrics (n,)), n at most `steps_per_call`.

    train_steps: of `training.make_train_steps`, for so many steps. state_specs: of `sharding.state_specs`.
    Compiled once, run on every device of the mesh. The data set is placed on the devices here, once. The state given
    is consumed.
    """
    mapped = map_steps(train_steps, mesh, images_spec=P(), state_specs=state_specs)
    images = replicate(stored_images, mesh)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, indices: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        count = len(indices)
        filled = np.zeros((steps_per_call, batch_size), np.int32)
        filled[:count] = indices
        state, metrics = mapped(state, images, split_over_devices(filled, mesh, axis=1), positions, np.int32(count))
        return state, {name: values[:count] for name, values in metrics.items()}

    return take_step


def make_streamed_step(
    train_steps: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, state_specs: PyTree, batch_size: int
) -> TakeStep:
    """(state, stored images (batch_size, h, w, c) on the host) -> (state, metrics (1,)), for a data set on disk.

    Each device gets its share of the batch alone, in which the images are numbered anew. The rest is as in
    `make_take_step`.
    """
    mapped = map_steps(train_steps, mesh, images_spec=P(mesh.axis_names), state_specs=state_specs)
    share = np.arange(batch_size // mesh.size, dtype=np.int32)
    indices = split_over_devices(np.tile(share, mesh.size)[None], mesh, axis=1)
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)

    def take_step(state: TrainState, images: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        return mapped(state, split_over_devices(images, mesh), indices, positions, np.int32(1))

    return take_step


def map_steps(
    train_steps: Callable[..., tuple[TrainState, dict]], mesh: Mesh, *, images_spec: P, state_specs: PyTree
) -> Callable:
    """(state, images, indices (n, batch), positions (batch,), count) -> (state, metrics), jitted over the mesh.

    images_spec: whole everywhere, or shared out as the rows of the batch are.
    """
    shares = mesh.axis_names
    mapped = jax.shard_map(
        train_steps,
        mesh=mesh,
        in_specs=(state_specs, images_spec, P(None, shares), P(shares), P()),
        out_specs=(state_specs, P()),
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=0)


def init_state(
    method: Method, optimizer: optax.GradientTransformation, key: jax.Array, images: jax.Array
) -> TrainState:
    """The state before the first step. images: (b, h, w, c) in [0, 1], some of the training images."""
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
    """One step as a pure function (state, stored_images, indices, positions) -> (state, metrics).

    stored_images: the whole data set, or the device's share of the batch where it is streamed, in its own dtype.
    indices: (b,) which of them make this batch. positions: (b,) their places in the global batch. Under a mapped axis
    `axis_name` each device brings its share of both, and gradients and metrics are means over the axis.
    """

    def train_step(
        state: TrainState, stored_images: Array, indices: Int[Array, "b"], positions: Int[Array, "b"]
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        images = to_unit(scaling, stored_images[indices])
        batch = Batch(images=images, positions=positions, progress=state.step.astype(jnp.float32) / total_steps)
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
        grads, (metrics, model_state) = jax.grad(method.loss, has_aux=True)(state.params, state.model_state, key, batch)
        grads = average_gradients(method, grads, axis_name)
        metrics = metrics if axis_name is None else jax.lax.pmean(metrics, axis_name)
        with jax.named_scope("optimizer"):
            updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
        state = state.replace(step=state.step + 1, params=params, model_state=model_state, opt_state=opt_state)
        return state, metrics

    return train_step


def make_train_steps(
    train_step: Callable[..., tuple[TrainState, dict[str, jax.Array]]], num_steps: int
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    """Up to `num_steps` steps as one function (state, stored_images, indices, positions, count) -> (state, metrics).

    indices: (num_steps, b), of which the first `count` rows are taken; metrics: (num_steps,) each. `count` is an
    argument of the compiled program, so that the shorter call at an epoch's end needs no program of its own.
    """
    if num_steps == 1:

        def one_step(state, stored_images, indices, positions, count):
            state, metrics = train_step(state, stored_images, indices[0], positions)
            return state, jax.tree.map(lambda value: value[None], metrics)

        return one_step

    def many_steps(
        state: TrainState,
        stored_images: Array,
        indices: Int[Array, "k b"],
        positions: Int[Array, "b"],
        count: Int[Array, ""],
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        def take(number, carried):
            state, metrics = carried
            state, new = train_step(state, stored_images, indices[number], positions)
            return state, jax.tree.map(lambda all_, value: all_.at[number].set(value), metrics, new)

        _, shapes = jax.eval_shape(train_step, state, stored_images, indices[0], positions)
        metrics = jax.tree.map(lambda leaf: jnp.zeros((num_steps, *leaf.shape), leaf.dtype), shapes)
        return jax.lax.fori_loop(0, count, take, (state, metrics))

    return many_steps
