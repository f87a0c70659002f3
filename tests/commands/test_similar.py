"""irl-inr similar on an evaluated run that is written without training."""

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.commands.similar import _expand_arguments
from irl_inr_jax.config.storage import to_json
from tests.evaluated_run import make_blob_images, write_png_folder, write_run

NAMES = [f"a/{number}.png" for number in range(8)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on eight images: 2 and 6 are the same object, rotated by 90 degrees; the others are noise."""
    folder = tmp_path_factory.mktemp("similar")
    images = np.random.default_rng(0).random((8, 16, 16))
    images[[2, 6]] = make_blob_images(np.radians([0.0, 90.0]), np.zeros((2, 2)), 16)
    write_png_folder(folder / "data", NAMES, images)
    data, clusters = {"path": str(folder / "data")}, {"kmeans": [0, 0, 1, 0, 0, -1, 1, 0]}
    config = write_run(folder / "run", data, NAMES, clusters=clusters, pose=None)
    config.orbits.update(num_angles=24, num_radii=8, rerank=False, mirror=False)
    (folder / "run/config.json").write_text(to_json(config))
    return folder / "run"


@pytest.mark.slow
def test_the_rotated_copy_of_an_image_is_first(irl_inr, run):
    result = irl_inr("similar", "--workdir", run, "a/2.png", "-n", "3")
    assert result.status == 0, result.err
    lines = [line.split() for line in result.out.splitlines()]
    first = next(line for line in lines if line and line[0] == "1")
    assert first[1] == "a/6.png" and float(first[2]) > 0.9 and first[3] == "-90°" and first[4] == "1"
    assert sum(line[:1] == [str(rank)] for rank in range(1, 9) for line in lines if line) == 3
    assert Image.open(run / "eval/similar_a_2.png").size[0] > 300


@pytest.mark.slow
def test_a_file_is_compared_with_all_images(irl_inr, run, tmp_path):
    upside_down = np.round(255 * make_blob_images(np.pi, [0.0, 0.0], 16)[0]).astype(np.uint8)
    Image.fromarray(upside_down).save(tmp_path / "new.png")
    result = irl_inr("similar", "--workdir", run, tmp_path / "new.png", "-n=2", "--output", tmp_path / "out.png")
    assert result.status == 0, result.err
    assert {"a/2.png", "a/6.png"} <= set(result.out.split()) and (tmp_path / "out.png").exists()


def test_wrong_arguments_are_one_line(refused, run):
    refused(["similar", "--workdir", run], ["an image file or id"])
    refused(["similar", "--workdir", run, "a/22.png"], ["such as a/2", "'a/22.png'"])
    refused(["similar", "--workdir", run, "a/1.png", "a/2.png"], ["found 'a/2.png'"])
    refused(["similar", "--workdir", run, "a/1.png", "-n", "0"], ["count"])
    refused(["similar", "--workdir", run, "a/1.png", "--output", "x.jpg"], [".png"])


def test_arguments_may_be_in_any_order():
    expected = ["--workdir=w", "--count=5", "--image=x y.png", "--nofoo"]
    assert _expand_arguments(["--workdir", "w", "-n", "5", "x y.png", "--nofoo"]) == expected
    assert _expand_arguments(["x", "-n=5"]) == ["--image=x", "--count=5"]
