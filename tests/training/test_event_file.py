"""TensorBoard's event files: what a failed write does, and what later files hide."""

import resource
import signal

import pytest
from tensorboardX.proto.event_pb2 import SessionLog

from irl_inr_jax.training.event_file import EventFile
from tests.training.events import read_events


@pytest.fixture
def small_files():
    """Let no file grow beyond 4,000 bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_fails_is_an_error(tmp_path, small_files):
    """A writer in a thread of its own would be gone, and later calls would wait for it."""
    events = EventFile(tmp_path, purge_step=1)
    with pytest.raises(OSError, match="File too large"):
        for step in range(1000):
            events.add_scalars(step, {"loss": 0.5})


def test_events_are_on_disk_at_once_and_hide_those_of_earlier_files(tmp_path):
    events = EventFile(tmp_path, purge_step=7)
    events.add_scalars(7, {"loss": 0.5})
    (path,) = tmp_path.iterdir()
    version, start, point = read_events(path)
    assert version.file_version == "brain.Event:2"
    assert start.step == 7 and start.session_log.status == SessionLog.START
    assert point.step == 7 and point.summary.value[0].simple_value == 0.5
