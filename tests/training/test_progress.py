"""Test progress on the console."""

import pytest

from irl_inr_jax.training.progress import ConsoleProgress, format_seconds, hide_progress, show_progress


def test_plain_lines_are_few_and_have_the_time_left(capsys, monkeypatch):
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


def test_progress_has_a_name_and_ends_with_its_block(capsys, monkeypatch):
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
def test_durations_are_readable(seconds, text):
    assert format_seconds(seconds) == text


def test_hidden_progress_prints_nothing(capsys):
    with hide_progress(), show_progress("x", 1) as update:
        update(1, "done")
    assert capsys.readouterr().out == ""
    with hide_progress(hide=False), show_progress("x", 1) as update:
        update(1, "done")
    assert "x 1/1" in capsys.readouterr().out
