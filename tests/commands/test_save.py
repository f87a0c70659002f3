"""Test `irl-inr save`."""

import pytest

from irl_inr_jax.deployment.bundle import load_bundle
from tests.evaluated_run import sample_pose, write_run


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), ("--workdir", "--out")),
        (("--workdir", "/nowhere/at/all", "--out", "a.irl"), ("config.json", "train")),
    ],
)
def test_mistakes_in_flags_are_refused(refused, flags, words):
    refused(["save", *flags], words)


def test_a_run_without_evaluation_or_checkpoints_is_refused(refused, tmp_path):
    write_run(tmp_path / "run", {"name": "digits_u"}, ["a", "b"], clusters={"kmeans": [0, 1]}, pose=sample_pose(2))
    refused(["save", "--workdir", tmp_path / "run", "--out", tmp_path / "a.irl"], ["checkpoints"])
    (tmp_path / "run" / "eval" / "results.json").unlink()
    refused(["save", "--workdir", tmp_path / "run", "--out", tmp_path / "a.irl"], ["irl-inr evaluate"])
    assert not (tmp_path / "a.irl").exists()


@pytest.mark.slow
def test_an_evaluated_run_becomes_one_file(finished, irl_inr, tmp_path):
    result = irl_inr("save", "--workdir", finished.workdir, "--out", tmp_path / "tiny.irl")
    assert result.status == 0 and "clusters by kmeans; 52 of 52 images" in result.out, result
    bundle = load_bundle(tmp_path / "tiny.irl")
    assert bundle.held_out.kind == "test images" and list(bundle.classifiers) == ["kmeans"]
    assert bundle.digest[:12] in result.out
