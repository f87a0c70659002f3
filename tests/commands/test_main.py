"""`python -m irl_inr_jax`, as a user calls it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.__main__ import expand_arguments
from tests.conftest import ONE_DEVICE, ROOT


@pytest.fixture
def run_module():
    def run(*arguments):
        command = [sys.executable, "-m", "irl_inr_jax", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)

    return run


def test_arguments_are_those_of_a_configuration_with_its_file_first():
    assert expand_arguments(["DIR"]) == ["--config=configs/images.py", "--config.data.path=DIR"]
    assert expand_arguments(["--data.crop=circle", "--output", "o", "--config", "c.py", "--nocost"]) == [
        "--config=c.py",
        "--config.data.crop=circle",
        "--output=o",
        "--nocost",
    ]


def test_inspect_says_and_draws_what_was_understood(run_module, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((20, 14), 250, np.uint8)
        pixels[4:9, 3:9] = rng.integers(0, 200, (5, 6))
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    done = run_module("inspect", tmp_path / "in", "--nocost", "--output", tmp_path / "out", "--data.crop=circle")
    assert done.returncode == 0, done.stderr
    assert "images: 3 for training" in done.stdout and "bright ground made dark" in done.stdout
    facts = json.loads((tmp_path / "out/inspect.json").read_text())
    assert facts["classes"] == {"train": {"a": 2, "b": 1}} and facts["shape"] == [20, 20, 1]
    for name in ("contact_sheet.png", "histograms.png"):
        with Image.open(tmp_path / "out" / name) as picture:
            assert min(picture.size) > 100 and len(np.unique(np.asarray(picture))) > 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspekt"], "error: expected one of inspect after python -m irl_inr_jax, found 'inspekt'"),
        (["inspect", "nowhere"], "error: config.data.path"),
        (["inspect", "--data.croop=1"], "croop"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(run_module, arguments, message):
    done = run_module(*arguments)
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


def test_help_teaches(run_module):
    done = run_module("--help")
    assert done.returncode == 0 and "python -m irl_inr_jax inspect DIR" in done.stdout
