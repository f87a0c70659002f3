"""Test requests to stop: signals to a single process, and the agreement of several."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from irl_inr_jax.training.stopping import stop_signals, watch_for_stop


@pytest.fixture
def python_handles_ctrl_c():
    """Handle Ctrl-C as in a terminal; a process in the background of a script ignores it from the start."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


def test_the_first_signal_is_a_request_and_the_second_acts(python_handles_ctrl_c):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_signals() as received:
        assert received() == 0
        os.kill(os.getpid(), signal.SIGINT)
        assert received() == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_single_process_stops_by_its_signals(python_handles_ctrl_c):
    with watch_for_stop(lambda step: False) as stop_signal:
        assert stop_signal(0) == 0
        os.kill(os.getpid(), signal.SIGINT)
        assert stop_signal(10) == signal.SIGINT


def test_several_processes_stop_at_the_step_agreed_on_even_within_a_call(monkeypatch):
    """Each step number is tested once, in order, as JAX's preemption service requires; the answer is then kept."""
    monkeypatch.setattr("jax.process_count", lambda: 2)
    tested = []

    def reached_preemption(step):
        tested.append(step)
        return step == 25

    before = signal.getsignal(signal.SIGTERM)
    with watch_for_stop(reached_preemption) as stop_signal:
        assert signal.getsignal(signal.SIGTERM) == before  # JAX's service handles it
        assert [stop_signal(done) for done in (7, 10, 20)] == [0, 0, 0]
        assert [stop_signal(done) for done in (30, 30, 40)] == [signal.SIGTERM] * 3
    assert tested == list(range(1, 41))


def test_a_signal_before_the_first_step_stops_a_run_that_continues(monkeypatch):
    """As long as no process has tested a number, JAX's service makes them agree on 1."""
    monkeypatch.setattr("jax.process_count", lambda: 2)
    with watch_for_stop(lambda number: number == 1) as stop_signal:
        assert stop_signal(20) == signal.SIGTERM


def test_a_thread_that_gets_no_signals_is_not_stopped():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: watch_for_stop(lambda step: False).__enter__()(1)).result() == 0
