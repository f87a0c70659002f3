"""From a `Method` to a trained state: optimiser, first state, one step, and the loop over steps. Knows no method."""

import functools
from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int
from ml_collections import ConfigDict

from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.sharding import average_gradients
from irl_inr_jax.types import AxisName, Batch, InputError, Method, PyTree, Scaling, TrainState


def make_schedule(train: ConfigDict, total_steps: int) -> optax.Schedule:
    """The learning rate a step: linear warm-up, then constant or a cosine to 1 % of the highest."""
    total_steps = max(total_steps, 1)  # 0 for a method that learns nothing
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
    """Adam of `config.train`; 'adam' adds the weight decay to the gradient, 'adamw' takes it off the parameters.

    norm: of the whole gradient, of which a device may have a part (`sharding.make_norm`).
    """
    clip = clip_by_norm(train.clip_norm, norm) if train.clip_norm else optax.identity()
    decay = optax.add_decayed_weights(train.weight_decay)
    adam = optax.scale_by_adam(b1=train.b1, b2=train.b2)
    descend = optax.scale_by_learning_rate(make_schedule(train, total_steps))
    order = (decay, adam) if train.optimizer == "adam" else (adam, decay)
    return allow_promotion(optax.chain(clip, *order, descend))


def clip_by_norm(max_norm: float, norm: Callable[[PyTree], jax.Array]) -> optax.GradientTransformation:
    """`optax.clip_by_global_norm` by a norm of one's own."""

    def clip(updates: PyTree, params: PyTree) -> PyTree:
        size = norm(updates)
        return jax.tree.map(lambda leaf: jnp.where(size < max_norm, leaf, leaf / size * max_norm), updates)

    return optax.stateless(clip)


def allow_promotion(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """The same optimiser under strict promotion, on in our tests: optax raises a Python float to an integer count."""

    def update(updates, state, params):
        with jax.numpy_dtype_promotion("standard"):
            return optimizer.update(updates, state, params)

    return optax.GradientTransformation(optimizer.init, update)


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


@functools.lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num_images: int) -> np.ndarray:
    """The order of the images in an epoch, from the seed and the epoch alone, so that a resumed run sees the same."""
    return np.random.default_rng([seed, epoch]).permutation(num_images)


def batch_rows(step: int, *, seed: int, num_images: int, batch_size: int) -> np.ndarray:
    """(batch_size,) which images make the batch of a step; what does not fill a batch waits an epoch."""
    epoch, place = divmod(step, num_images // batch_size)
    return epoch_order(seed, epoch, num_images)[place * batch_size :][:batch_size].astype(np.int32)


def batches(
    *, seed: int, num_images: int, batch_size: int, start: int, stop: int, steps_per_call: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(first step, indices (n, batch_size)) of the calls that take the steps start ... stop - 1.

    n is `steps_per_call`, and less where an epoch or the run ends.
    """
    steps_per_epoch = num_images // batch_size
    step = start
    while step < stop:
        end = min(step + steps_per_call, stop, (step // steps_per_epoch + 1) * steps_per_epoch)
        rows = [batch_rows(i, seed=seed, num_images=num_images, batch_size=batch_size) for i in range(step, end)]
        yield step, np.stack(rows)
        step = end


def first_bad_term(metrics: dict[str, np.ndarray | np.generic]) -> str | None:
    """The name of the first loss term that is not finite, the terms before their sum."""
    bad = [name for name, value in metrics.items() if not np.isfinite(value)]
    return next((name for name in bad if name != "loss"), bad[0] if bad else None)


def check_finite(step: int, metrics: dict[str, np.ndarray | np.generic]) -> None:
    """Raises InputError naming the loss term and the step where training went astray."""
    term = first_bad_term(metrics)
    if term is not None:
        raise InputError(
            f"expected finite losses, found {term} = {metrics[term]} at step {step}; the run stopped and earlier "
            f"checkpoints are kept; try a lower config.train.learning_rate, or config.train.clip_norm=1, in a new run"
        )


def fit(
    state: TrainState,
    take_step: Callable[[TrainState, np.ndarray], tuple[TrainState, dict[str, jax.Array]]],
    feed: Iterable[tuple[int, np.ndarray]],
    *,
    log_every: int,
    steps_per_epoch: int,
    on_metrics: Callable[[int, dict[str, float]], None],
    on_epoch: Callable[[int, TrainState], None],
    should_stop: Callable[[], bool],
) -> TrainState:
    """Takes the steps from `state.step` to the end of the run and returns the last state.

    take_step: takes one step or several, and returns the metrics of each: (n,) arrays.
    feed: (first step, what `take_step` takes) for each call that is left; none goes past the end of an epoch.
    on_metrics(step, means over the steps since the last call), when `log_every` steps are done since and at each
    epoch's end; on_epoch(epochs done, state), after it. `should_stop` is asked between calls; a run that stops early
    returns the state of that moment. Every step's metrics are checked before anything is written down, without waiting
    for the device at each step.
    """
    pending: list[dict[str, jax.Array]] = []
    done, waiting = int(state.step), 0

    def flush() -> None:
        if not pending:
            return
        fetched = jax.device_get(pending)
        pending.clear()
        steps = {name: np.concatenate([metrics[name] for metrics in fetched]) for name in fetched[0]}
        num_steps = len(next(iter(steps.values())))
        for number in range(num_steps):
            check_finite(done - num_steps + 1 + number, {name: values[number] for name, values in steps.items()})
        on_metrics(done, {name: float(np.mean(values)) for name, values in steps.items()})

    for first, batch in feed:
        if should_stop():
            break
        state, metrics = take_step(state, batch)
        pending.append(metrics)
        waiting += len(metrics["loss"])
        done = first + len(metrics["loss"])
        if waiting >= log_every or done % steps_per_epoch == 0:
            flush()
            waiting = 0
        if done % steps_per_epoch == 0:
            on_epoch(done // steps_per_epoch, state)
    flush()
    return state
