"""metrics.jsonl, TensorBoard events and the console."""

import json

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from irl_inr_jax.training.logging import MetricsLog
from irl_inr_jax.training.progress import ConsoleProgress, format_seconds, show_progress


def read_events(path):
    """The published record format: length, its checksum, the event, its checksum."""
    content, start, events = path.read_bytes(), 0, []
    while start < len(content):
        length = int.from_bytes(content[start : start + 8], "little")
        body = content[start + 12 : start + 12 + length]
        checksum = int.from_bytes(content[start + 12 + length : start + 16 + length], "little")
        assert masked_crc32c(body) == checksum
        events.append(Event.FromString(body))
        start += 16 + length
    return events


def test_every_scalar_is_a_line_and_an_event(tmp_path):
    log = MetricsLog(tmp_path, start_step=0)
    log.write(5, {"loss": 0.5, "recon": 0.25})
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "picture.png")
    log.write_picture(5, "pictures", tmp_path / "picture.png")
    log.close()
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 5, "loss": 0.5, "recon": 0.25}
    (path,) = (tmp_path / "tensorboard").iterdir()
    values = {value.tag: (event.step, value) for event in read_events(path) for value in event.summary.value}
    assert values["loss"][0] == 5 and values["loss"][1].simple_value == 0.5
    assert values["recon"][1].simple_value == 0.25 and values["pictures"][1].image.width == 6


def test_lines_after_the_resumed_step_and_a_line_cut_short_are_dropped(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    log = MetricsLog(tmp_path, start_step=2)
    log.write(3, {"loss": 1.0})
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": 1}, {"step": 2}, {"step": 3, "loss": 1.0}]


def test_plain_lines_are_few_and_tell_the_time_left(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("irl_inr_jax.training.progress.time.monotonic", lambda: now[0])
    console = ConsoleProgress(total_steps=110, start_step=10, what="step")
    for step in range(11, 111):
        now[0] += 0.5
        console.update(step, "250 images/s")
    console.close()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0] == "step 30/110  40 s left  250 images/s" and lines[-1].startswith("step 110/110  0 s left")


def test_progress_of_anything_is_named_and_ends_with_its_block(capsys, monkeypatch):
    closed = []
    monkeypatch.setattr(ConsoleProgress, "close", lambda self: closed.append(self.what))
    with pytest.raises(RuntimeError), show_progress("SCAN: epoch", 2) as update:
        update(1, "loss 1")
        update(2, "loss 0")
        raise RuntimeError
    assert capsys.readouterr().out == "SCAN: epoch 2/2  0 s left  loss 0\n" and closed == ["SCAN: epoch"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min")]
)
def test_seconds_are_said_as_people_do(seconds, text):
    assert format_seconds(seconds) == text
