"""Signals that ask for a stop, and a second one that makes it."""

import os
import signal

import pytest

from irl_inr_jax.training.stopping import stop_signals


@pytest.fixture
def python_handles_ctrl_c():
    """As in a terminal; a process started in the background of a script ignores Ctrl-C from the start."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


def test_the_first_signal_asks_and_the_second_acts(python_handles_ctrl_c):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_signals() as received:
        assert received() == 0
        os.kill(os.getpid(), signal.SIGINT)
        assert received() == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before
