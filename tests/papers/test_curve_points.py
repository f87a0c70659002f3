"""One point of a curve."""

import json
import math

from papers.curve_points import describe_point, make_point, newest_finished
from tests.papers.curve_records import STEPS_PER_EPOCH, results_at


def test_a_point_has_only_the_finite_numbers(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"train": {"batch_size": 100}}))
    results = results_at(STEPS_PER_EPOCH)
    finite = make_point(results, 7.0, tmp_path)
    assert finite["epoch"] == 1 and finite["values"]["translation"] == [0.9, 0.8]
    results["reconstruction"]["mse"] = math.inf
    results["pose_by_differences"] = {"rotation_correlation": math.nan, "translation_correlation": [0.9, math.nan]}
    point = make_point(results, 7.0, tmp_path)
    assert set(finite["values"]) - set(point["values"]) == {"mse", "translation"}
    assert "rotation" not in point["values"] and "nan" not in describe_point(point)
    json.dumps(point, allow_nan=False)


def test_the_newest_checkpoint_is_the_last_complete_one(tmp_path):
    assert newest_finished(tmp_path) == 0
    for step, is_complete in ((9, True), (10, True), (11, False)):
        (tmp_path / "checkpoints" / str(step)).mkdir(parents=True)
        if is_complete:
            (tmp_path / "checkpoints" / str(step) / "sha256.json").write_text("{}")
    assert newest_finished(tmp_path) == 10
