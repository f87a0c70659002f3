"""Test `irl-inr inspect`."""

import json

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.commands.inspect import expand_arguments


def test_arguments_become_those_of_a_configuration_that_comes_first():
    assert expand_arguments(["DIR"]) == ["--config=images:small", "--config.data.path=DIR"]
    assert expand_arguments(["--data.crop=circle", "--output", "o", "--config", "c.py", "--nocost"]) == [
        "--config=c.py",
        "--config.data.crop=circle",
        "--output=o",
        "--nocost",
    ]


def test_inspect_reports_and_plots_the_data(irl_inr, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((20, 14), 250, np.uint8)
        pixels[4:9, 3:9] = rng.integers(0, 200, (5, 6))
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    done = irl_inr("inspect", tmp_path / "in", "--nocost", "--output", tmp_path / "out", "--data.crop=circle")
    assert done.status == 0, done.err
    assert "images: 3 for training" in done.out and "bright " in done.out
    # The default preset takes 128 images a step, which three images cannot fill.
    assert "training would be refused" in done.out and "--config.train.batch_size=1" in done.out
    facts = json.loads((tmp_path / "out/inspect.json").read_text())
    assert facts["classes"] == {"train": {"a": 2, "b": 1}} and facts["shape"] == [20, 20, 1]
    for name in ("contact_sheet.png", "histograms.png"):
        with Image.open(tmp_path / "out" / name) as picture:
            assert min(picture.size) > 100 and len(np.unique(np.asarray(picture))) > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["config.data.path"]),
        (["--data.croop=1"], ["found config.data.croop; the nearest is config.data.crop"]),
        ([], ["config.data.path"]),
        (["a", "b"], ["expected only flags", "found 'b'"]),
    ],
)
def test_mistakes_are_refused(refused, arguments, words):
    refused(["inspect", *arguments], words)


@pytest.mark.slow
def test_inspect_estimates_the_cost_of_a_run(irl_inr, tmp_path):
    done = irl_inr("inspect", "--config", "tiny", "--output", tmp_path)
    assert done.status == 0, done.err
    assert json.loads((tmp_path / "inspect.json").read_text())["cost"]["seconds"] > 0
