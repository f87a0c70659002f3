"""The optimiser, the order of images, and the loop over steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from irl_inr_jax.data.batches import batches
from irl_inr_jax.training.loop import check_finite, fit
from irl_inr_jax.training.optimizer import make_optimizer, make_schedule
from irl_inr_jax.training.step import make_train_step, make_train_steps
from irl_inr_jax.types import InputError, Method, Scaling, TrainState


@pytest.fixture
def train(tiny_config):
    config = tiny_config.train
    config.update(warmup_steps=10, learning_rate=0.1, clip_norm=0.0, b1=0.9, b2=0.99)
    return config


def quadratic_method():
    """Learns the mean of the first pixel: loss = mean (w - pixel)^2."""

    def unused(*arguments):
        raise AssertionError("training calls only the loss")

    def loss(params, model_state, key, batch):
        value = jnp.mean((params["w"] - batch.images[:, 0, 0, 0]) ** 2)
        return value, ({"loss": value}, {"draw": jax.random.uniform(key), "progress": batch.progress})

    return Method("quadratic", init=unused, loss=loss, encode=unused, reconstruct=None)


def state_of(optimizer, w=0.0):
    params = {"w": jnp.float32(w)}
    state = {"draw": jnp.float32(0), "progress": jnp.float32(0)}
    return TrainState(jnp.int32(0), jax.random.key_data(jax.random.key(0)), params, state, optimizer.init(params))


def test_schedule_warms_up_and_falls_to_one_percent(train):
    schedule = make_schedule(train, 100)
    rates = [float(schedule(jnp.float32(step))) for step in range(101)]
    assert rates[0] == 0 and max(rates) == pytest.approx(0.1) and np.argmax(rates) == 10
    assert np.all(np.diff(rates[10:]) <= 0) and rates[100] == pytest.approx(0.001)


def test_constant_schedule_is_constant_after_the_warm_up(train):
    train.schedule = "constant"
    schedule = make_schedule(train, 100)
    assert float(schedule(jnp.float32(5))) == pytest.approx(0.05)
    assert [float(schedule(jnp.float32(step))) for step in (10, 50, 100)] == pytest.approx([0.1] * 3)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_optimizer_is_adam_with_its_kind_of_weight_decay(train, name):
    """Against Kingma and Ba's update in float64, the decay in the gradient (adam) or beside the step (adamw)."""
    train.update(optimizer=name, weight_decay=0.3, warmup_steps=0, schedule="constant")
    optimizer = make_optimizer(train, 100)
    params = {"w": jnp.array([0.5, -2.0])}
    state = optimizer.init(params)
    w, m, v = np.array([0.5, -2.0]), np.zeros(2), np.zeros(2)
    for step, gradient in enumerate(np.array([[0.1, -0.7], [0.4, 0.2], [-0.3, 0.9]]), start=1):
        updates, state = optimizer.update({"w": jnp.array(gradient, jnp.float32)}, state, params)
        params = optax.apply_updates(params, updates)
        used = gradient + (0.3 * w if name == "adam" else 0)
        m, v = 0.9 * m + 0.1 * used, 0.99 * v + 0.01 * used**2
        direction = (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
        w = w - 0.1 * (direction + (0 if name == "adam" else 0.3 * w))
    np.testing.assert_allclose(params["w"], w, rtol=1e-5)


def test_clipping_bounds_the_gradient(train):
    train.update(clip_norm=1.0, optimizer="adamw", b1=0.0, b2=0.0)
    clip = make_optimizer(train, 10)
    small, big = ({"w": jnp.array([3.0, 4.0]) * factor} for factor in (1.0, 100.0))
    params = {"w": jnp.zeros(2)}
    first, _ = clip.update(small, clip.init(params), params)
    second, _ = clip.update(big, clip.init(params), params)
    np.testing.assert_array_equal(first["w"], second["w"])


def test_step_scales_pixels_and_folds_key_and_progress_from_the_step():
    optimizer = optax.sgd(0.5)
    scaling = Scaling(1 / 255, 0.25, 0.0, "")
    step = jax.jit(make_train_step(quadratic_method(), optimizer, total_steps=4, scaling=scaling, axis_name=None))
    images = jnp.full((6, 2, 2, 1), 51, jnp.uint8)
    state, metrics = step(state_of(optimizer), images, jnp.array([0, 3]), jnp.arange(2))
    assert float(metrics["loss"]) == pytest.approx(0.45**2) and float(state.params["w"]) == pytest.approx(0.45)
    again, _ = step(state, images, jnp.array([1, 2]), jnp.arange(2))
    assert float(state.model_state["progress"]) == 0 and float(again.model_state["progress"]) == 0.25
    assert float(state.model_state["draw"]) != float(again.model_state["draw"])
    expected = jax.random.uniform(jax.random.fold_in(jax.random.key(0), 1))
    assert float(again.model_state["draw"]) == float(expected) and int(again.step) == 2


def test_an_epoch_sees_every_image_once_and_a_resumed_run_the_same():
    whole = list(batches(seed=3, num_images=20, batch_size=5, start=0, stop=12, steps_per_call=1))
    first_epoch = np.concatenate([indices[0] for _, indices in whole[:4]])
    assert sorted(first_epoch) == list(range(20))
    assert not np.array_equal(first_epoch, np.concatenate([indices[0] for _, indices in whole[4:8]]))
    resumed = list(batches(seed=3, num_images=20, batch_size=5, start=6, stop=12, steps_per_call=1))
    for (step, indices), (other_step, other) in zip(whole[6:], resumed, strict=True):
        assert step == other_step
        np.testing.assert_array_equal(indices, other)


def test_images_that_fill_no_batch_wait_for_another_epoch():
    steps = list(batches(seed=0, num_images=7, batch_size=3, start=0, stop=40, steps_per_call=1))
    assert all(indices.shape == (1, 3) for _, indices in steps)
    assert set(np.concatenate([indices[0] for _, indices in steps])) == set(range(7))


def test_not_finite_names_the_term_and_the_step():
    check_finite(1, {"loss": np.float32(1), "recon": np.float32(1)})
    with pytest.raises(InputError, match=r"consistency = nan at step 7"):
        check_finite(7, {"loss": np.float32("nan"), "recon": np.float32(1), "consistency": np.float32("nan")})
    with pytest.raises(InputError, match=r"loss = inf at step 8"):
        check_finite(8, {"loss": np.float32("inf"), "recon": np.float32(1)})


class Recorder:
    """A `fit` with a step that only counts, whose loss is the step's number."""

    def __init__(self, train, stop_after=None, bad_step=None):
        self.metrics, self.epochs, self.taken = [], [], 0
        self.stop_after, self.bad_step, self.train = stop_after, bad_step, train

    def take_step(self, state, indices):
        self.taken += 1
        step = int(state.step) + 1
        loss = np.float32("nan") if step == self.bad_step else np.float32(step)
        return state.replace(step=jnp.int32(step)), {"loss": loss[None]}

    def run(self, start=0):
        optimizer = optax.sgd(0.1)
        return fit(
            state_of(optimizer).replace(step=jnp.int32(start)),
            self.take_step,
            batches(seed=0, num_images=20, batch_size=self.train.batch_size, start=start, stop=8, steps_per_call=1),
            log_every=self.train.log_every,
            steps_per_epoch=4,
            on_metrics=lambda step, metrics: self.metrics.append((step, metrics["loss"])),
            on_epoch=lambda epoch, state: self.epochs.append((epoch, int(state.step))),
            should_stop=lambda: self.taken == self.stop_after,
        )


@pytest.fixture
def four_steps_an_epoch(train):
    train.update(num_epochs=2, batch_size=5, log_every=3)
    return train


def test_fit_reports_means_and_epochs(four_steps_an_epoch):
    recorder = Recorder(four_steps_an_epoch)
    assert int(recorder.run().step) == 8
    assert recorder.metrics == [(3, 2.0), (4, 4.0), (7, 6.0), (8, 8.0)]
    assert recorder.epochs == [(1, 4), (2, 8)]


def test_fit_stops_when_asked_and_goes_on_from_there(four_steps_an_epoch):
    recorder = Recorder(four_steps_an_epoch, stop_after=6)
    state = recorder.run()
    assert int(state.step) == 6 and recorder.metrics[-1] == (6, 5.5)
    rest = Recorder(four_steps_an_epoch)
    assert int(rest.run(start=6).step) == 8 and rest.taken == 2


def test_fit_writes_nothing_after_a_nan(four_steps_an_epoch):
    recorder = Recorder(four_steps_an_epoch, bad_step=4)
    with pytest.raises(InputError, match="loss = nan at step 4"):
        recorder.run()
    assert recorder.epochs == [] and recorder.metrics == [(3, 2.0)]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_steps_in_one_call_are_steps_one_by_one(count):
    """And rows past `count` are not taken."""
    optimizer = optax.sgd(0.3, momentum=0.5)
    scaling = Scaling(1 / 255, 0.0, 0.0, "")
    step = make_train_step(quadratic_method(), optimizer, total_steps=8, scaling=scaling, axis_name=None)
    images = jnp.asarray(np.random.default_rng(0).integers(0, 256, size=(6, 2, 2, 1)), jnp.uint8)
    indices = jnp.array([[0, 3], [1, 2], [4, 5], [2, 2]])
    one_by_one, losses = state_of(optimizer), []
    for rows in indices[:count]:
        one_by_one, metrics = jax.jit(step)(one_by_one, images, rows, jnp.arange(2))
        losses.append(metrics["loss"])
    together, metrics = jax.jit(make_train_steps(step, 4))(
        state_of(optimizer), images, indices, jnp.arange(2), jnp.int32(count)
    )
    np.testing.assert_allclose(metrics["loss"][:count], losses, rtol=1e-6)
    assert int(together.step) == count
    for left, right in zip(jax.tree.leaves(together), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6)


def test_calls_end_where_epochs_do_and_hold_every_step_once():
    plan = {"seed": 3, "num_images": 20, "batch_size": 4, "stop": 13}
    one_by_one = list(batches(**plan, start=0, steps_per_call=1))
    for start in (0, 7):
        calls = list(batches(**plan, start=start, steps_per_call=3))
        assert [first for first, _ in calls] == {0: [0, 3, 5, 8, 10], 7: [7, 10]}[start]
        rows = np.concatenate([indices for _, indices in calls])
        np.testing.assert_array_equal(rows, np.concatenate([indices for _, indices in one_by_one[start:]]))


def test_fit_takes_the_metrics_of_several_steps_a_call(four_steps_an_epoch):
    """The same lines as from single steps, where the calls end with them; a bad step inside a call is named."""
    written, epochs = [], []

    def take_step(state, indices):
        steps = int(state.step) + 1 + np.arange(len(indices))
        losses = np.where(steps == 7, np.nan, steps).astype(np.float32)
        return state.replace(step=state.step + len(indices)), {"loss": losses}

    with pytest.raises(InputError, match="loss = nan at step 7"):
        fit(
            state_of(optax.sgd(0.1)),
            take_step,
            batches(seed=0, num_images=20, batch_size=5, start=0, stop=8, steps_per_call=3),
            log_every=3,
            steps_per_epoch=4,
            on_metrics=lambda step, metrics: written.append((step, metrics["loss"])),
            on_epoch=lambda epoch, state: epochs.append((epoch, int(state.step))),
            should_stop=lambda: False,
        )
    assert written == [(3, 2.0), (4, 4.0)] and epochs == [(1, 4)]
