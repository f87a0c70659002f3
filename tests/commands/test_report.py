"""Test `irl-inr report`: refused inputs, and in the slow tests the page of a finished run."""

import json

import pytest

from irl_inr_jax.config.storage import to_json
from irl_inr_jax.presets import tiny


@pytest.mark.parametrize("flags", [(), ("--output", "x.html")])
def test_a_folder_is_needed(refused, flags):
    refused(["report", *flags], ["--workdir DIR"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["found none", "irl-inr evaluate --workdir"]),
        ("{", ["expected results as written", "a damaged file", "again"]),
        ("[]", ["expected results as written", "a damaged file", "again"]),
        (json.dumps({"clustering": {}}), ["expected the options of the evaluation"]),
    ],
)
def test_a_run_that_was_not_evaluated_is_refused(refused, tmp_path, text, words):
    (tmp_path / "eval").mkdir()
    (tmp_path / "config.json").write_text(to_json(tiny.get_config()))
    if text is not None:
        (tmp_path / "eval" / "results.json").write_text(text)
    refused(["report", "--workdir", tmp_path], words)


def test_an_output_in_a_missing_folder_is_refused(refused, tmp_path):
    refused(["report", "--workdir", tmp_path, "--output", tmp_path / "no" / "x.html"], ["make", "no"])


@pytest.mark.slow
def test_the_page_has_the_scores_of_the_evaluation(irl_inr, finished, tmp_path):
    results = json.loads((finished.workdir / "eval" / "results.json").read_text())
    path = tmp_path / "page.html"
    found = irl_inr("report", "--workdir", finished.workdir, "--output", path)
    assert found.status == 0 and str(path) in found.out, found.err
    page = path.read_text(encoding="utf-8")
    content = json.loads(page.split('id="content">')[1].split("</script>")[0])
    accuracy = results["clustering"]["kmeans"]["accuracy"]
    assert content["table"]["rows"][1][:3] == ["kmeans", "inductive", f"{100 * accuracy:.1f} %"]
    assert len(content["images"]["ids"]) == results["data"]["num_images"] and content["curves"]["loss"]["steps"]
