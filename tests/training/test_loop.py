"""Test the loop over train steps."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.data.batches import batches
from irl_inr_jax.training.loop import check_finite, fit
from irl_inr_jax.types import InputError, TrainState


def state_at(step):
    return TrainState(jnp.int32(step), jax.random.key_data(jax.random.key(0)), {}, {}, ())


def test_not_finite_names_the_term_and_the_step():
    check_finite(1, {"loss": np.float32(1), "recon": np.float32(1)})
    with pytest.raises(InputError, match=r"consistency = nan at step 7"):
        check_finite(7, {"loss": np.float32("nan"), "recon": np.float32(1), "consistency": np.float32("nan")})
    with pytest.raises(InputError, match=r"loss = inf at step 8"):
        check_finite(8, {"loss": np.float32("inf"), "recon": np.float32(1)})


class Recorder:
    """Run `fit` with a step that only counts; its loss is the step's number."""

    def __init__(self, train, stop_after=None, bad_step=None):
        self.metrics, self.epochs, self.checked, self.taken = [], [], [], 0
        self.stop_after, self.bad_step, self.train = stop_after, bad_step, train

    def take_step(self, state, indices):
        self.taken += 1
        step = int(state.step) + 1
        loss = np.float32("nan") if step == self.bad_step else np.float32(step)
        return state.replace(step=jnp.int32(step)), {"loss": loss[None]}

    def should_stop(self, done):
        self.checked.append(done)
        return self.taken == self.stop_after

    def run(self, start=0, measure_epoch=lambda epoch, state: {}):
        return fit(
            state_at(start),
            self.take_step,
            batches(seed=0, num_images=20, batch_size=self.train.batch_size, start=start, stop=8, steps_per_call=1),
            log_every=self.train.log_every,
            steps_per_epoch=4,
            measure_epoch=measure_epoch,
            on_metrics=lambda step, metrics: self.metrics.append((step, metrics["loss"])),
            on_epoch=lambda epoch, state: self.epochs.append((epoch, int(state.step))),
            should_stop=self.should_stop,
        )


@pytest.fixture
def four_steps_an_epoch(tiny_config):
    tiny_config.train.update(num_epochs=2, batch_size=5, log_every=3)
    return tiny_config.train


def test_fit_reports_means_and_epochs(four_steps_an_epoch):
    recorder = Recorder(four_steps_an_epoch)
    assert int(recorder.run().step) == 8
    assert recorder.metrics == [(3, 2.0), (4, 4.0), (7, 6.0), (8, 8.0)]
    assert recorder.epochs == [(1, 4), (2, 8)]


def test_metrics_of_an_epoch_are_in_the_line_of_its_last_step(four_steps_an_epoch):
    recorder, lines = Recorder(four_steps_an_epoch), []
    recorder.metrics = SimpleNamespace(append=lines.append)
    recorder.run(measure_epoch=lambda epoch, state: {"loss": 10.0 * epoch + int(state.step)})
    assert lines == [(3, 2.0), (4, 14.0), (7, 6.0), (8, 28.0)]


def test_fit_stops_on_request_and_continues_from_there(four_steps_an_epoch):
    recorder = Recorder(four_steps_an_epoch, stop_after=6)
    state = recorder.run()
    assert int(state.step) == 6 and recorder.metrics[-1] == (6, 5.5)
    assert recorder.checked == list(range(7))
    rest = Recorder(four_steps_an_epoch)
    assert int(rest.run(start=6).step) == 8 and rest.taken == 2


def test_fit_writes_nothing_after_a_nan(four_steps_an_epoch):
    recorder = Recorder(four_steps_an_epoch, bad_step=4)
    with pytest.raises(InputError, match="loss = nan at step 4"):
        recorder.run()
    assert recorder.epochs == [] and recorder.metrics == [(3, 2.0)]


def test_fit_takes_the_metrics_of_several_steps_a_call(four_steps_an_epoch):
    """The lines are those of single steps if calls end with them; a bad step inside a call is named."""
    written, epochs = [], []

    def take_step(state, indices):
        steps = int(state.step) + 1 + np.arange(len(indices))
        losses = np.where(steps == 7, np.nan, steps).astype(np.float32)
        return state.replace(step=state.step + len(indices)), {"loss": losses}

    with pytest.raises(InputError, match="loss = nan at step 7"):
        fit(
            state_at(0),
            take_step,
            batches(seed=0, num_images=20, batch_size=5, start=0, stop=8, steps_per_call=3),
            log_every=3,
            steps_per_epoch=4,
            measure_epoch=lambda epoch, state: {},
            on_metrics=lambda step, metrics: written.append((step, metrics["loss"])),
            on_epoch=lambda epoch, state: epochs.append((epoch, int(state.step))),
            should_stop=lambda done: False,
        )
    assert written == [(3, 2.0), (4, 4.0)] and epochs == [(1, 4)]
