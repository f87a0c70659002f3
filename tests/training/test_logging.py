"""Test metrics.jsonl and TensorBoard events."""

import json

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.training.logging import MetricsLog, read_metric, read_metrics
from irl_inr_jax.types import InputError
from tests.training.events import read_events


def test_every_scalar_is_a_line_and_an_event(tmp_path):
    log = MetricsLog(tmp_path, start_step=0)
    log.write(5, {"loss": 0.5, "recon": 0.25})
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "image.png")
    log.write_image(5, "images", tmp_path / "image.png")
    log.close()
    assert read_metrics(tmp_path) == [{"step": 5, "loss": 0.5, "recon": 0.25}]
    (path,) = (tmp_path / "tensorboard").iterdir()
    values = {value.tag: (event.step, value) for event in read_events(path) for value in event.summary.value}
    assert values["loss"][0] == 5 and values["loss"][1].simple_value == 0.5
    assert values["recon"][1].simple_value == 0.25 and values["images"][1].image.width == 6


def test_lines_after_the_resumed_step_and_an_incomplete_line_are_dropped(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    log = MetricsLog(tmp_path, start_step=2)
    log.write(3, {"loss": 1.0})
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line.pop("checksum") > 0 for line in lines] == [True] * 3
    assert lines == [{"step": 1}, {"step": 2}, {"step": 3, "loss": 1.0}]


def test_complete_lines_are_read(tmp_path):
    assert read_metrics(tmp_path) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    assert read_metrics(tmp_path) == [{"step": 1, "loss": 0.5}]


def test_a_metric_is_read_back_up_to_a_step(tmp_path):
    assert read_metric(tmp_path, "heldout_loss", until=9) == []
    lines = [
        '{"step": 1, "loss": 2.0}',
        '{"step": 2, "heldout_loss": 0.1}',
        '{"step": 4, "heldout_loss": 0.25}',
        '{"st',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert read_metric(tmp_path, "heldout_loss", until=4) == [0.1, 0.25]
    assert read_metric(tmp_path, "heldout_loss", until=3) == [0.1]


def test_one_wrong_byte_is_noticed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(tmp_path, start_step=0)
    for step in range(1, 5):
        log.write(step, {"loss": 0.5 / step, "time": float("inf")})
    log.close()
    whole, metrics = path.read_bytes(), read_metrics(tmp_path)
    assert metrics[3] == {"step": 4, "loss": 0.125, "time": float("inf")}
    for position in range(len(whole)):
        for wrong in (b"\xff", bytes([whole[position] ^ 1])):
            path.write_bytes(whole[:position] + wrong + whole[position + 1 :])
            try:
                found = read_metrics(tmp_path)
            except InputError as error:
                assert "metrics.jsonl as training wrote it, found line" in str(error) and "delete that line" in str(
                    error
                )
            else:  # white space, the name of the checksum, or the end of the last line
                assert [{name: line[name] for name in metrics[0]} for line in found] == metrics[: len(found)]
                assert len(found) == 4 or position == len(whole) - 1


@pytest.mark.parametrize("line", ["7", "[1]", '{"step": "1"}', '{"step": 1, "loss": []}', '{"st', ""])
def test_a_line_of_another_form_is_refused(tmp_path, line):
    (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1}}\n{line}\n{{"step": 2}}\n')
    with pytest.raises(InputError, match="found line 2 damaged"):
        read_metrics(tmp_path)
