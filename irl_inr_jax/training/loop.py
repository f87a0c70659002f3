"""The loop over train steps, independent of the method."""

from collections.abc import Callable, Iterable

import jax
import numpy as np

from irl_inr_jax.types import InputError, TrainState


def first_bad_term(metrics: dict[str, np.ndarray | np.generic]) -> str | None:
    """Return the name of the first loss term that is not finite, or None; the sum `loss` comes last."""
    bad = [name for name, value in metrics.items() if not np.isfinite(value)]
    return next((name for name in bad if name != "loss"), bad[0] if bad else None)


def check_finite(step: int, metrics: dict[str, np.ndarray | np.generic]) -> None:
    """Raise InputError with the loss term and the step if a loss is not finite."""
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
    measure_epoch: Callable[[int, TrainState], dict[str, float]],
    on_metrics: Callable[[int, dict[str, float]], None],
    on_epoch: Callable[[int, TrainState], None],
    should_stop: Callable[[int], bool],
) -> TrainState:
    """Take the steps from `state.step` to the end of the run and return the last state.

    take_step: takes one step or several, and returns the metrics of each as (n,) arrays.
    feed: (first step, argument of `take_step`) for each remaining call; no call crosses the end of an epoch.
    measure_epoch(epochs done, state): at the end of each epoch, metrics to add to those of the steps.
    on_metrics(step, means over the steps since the last call): after every `log_every` steps and at the end of each
    epoch. on_epoch(epochs done, state): after it. should_stop(steps done): called before each call; a run that stops
    early returns its current state. The metrics of every step are checked before anything is recorded, without
    waiting for the device after each step.
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
        means = {name: float(np.mean(values)) for name, values in steps.items()}
        measured = {} if done % steps_per_epoch else measure_epoch(done // steps_per_epoch, state)
        on_metrics(done, means | measured)

    for first, batch in feed:
        if should_stop(first):
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
