"""irl-inr align on an evaluated run that is written without training."""

import csv

import numpy as np
import pytest
from PIL import Image

from tests.evaluated_run import make_blob_images, sample_pose, write_png_folder, write_run

NAMES = [f"a/{number}.png" for number in range(5)]


@pytest.fixture
def run(tmp_path):
    """A run on five PNG files of 24 pixels, resized to 12 for training, whose predicted poses are the true ones."""
    pose = sample_pose(5)
    write_png_folder(tmp_path / "data", NAMES, make_blob_images(pose.theta, pose.tau, 24))
    data = {"path": str(tmp_path / "data"), "resize": 12}
    write_run(tmp_path / "run", data, NAMES, clusters={"kmeans": [0, 1, 0, -1, 0]}, pose=pose)
    return tmp_path / "run"


def test_png_files_are_upright_at_the_size_of_the_originals(irl_inr, run, tmp_path):
    result = irl_inr("align", "--workdir", run, "--to", tmp_path / "out")
    assert result.status == 0, result.err
    assert "5 images of 24x24 pixels, uint8" in result.out
    canonical = 255 * make_blob_images(0.0, [0.0, 0.0], 24)[0]
    with (tmp_path / "out/ids.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == NAMES
    for row in rows:
        aligned = np.asarray(Image.open(tmp_path / "out" / row["file"]))
        assert aligned.dtype == np.uint8 and np.abs(aligned - canonical).mean() < 3
    means = np.load(tmp_path / "out/means.npz")
    assert means["count"].tolist() == [3, 1] and np.abs(means["after"][0, ..., 0] - canonical).mean() < 3
    assert (tmp_path / "out/means.png").stat().st_size > 1000


def test_a_stack_at_another_side_is_in_the_order_of_the_ids(irl_inr, run, tmp_path):
    arguments = ["--side", "48", "--format", "npy"]
    assert irl_inr("align", "--workdir", run, "--to", tmp_path / "out", *arguments).status == 0
    stack = np.load(tmp_path / "out/aligned.npy")
    assert stack.shape == (5, 48, 48) and stack.dtype == np.uint8
    assert np.abs(stack - 255 * make_blob_images(0.0, [0.0, 0.0], 48)[0]).mean() < 4


def test_what_cannot_be_aligned_is_one_line(refused, run, tmp_path):
    refused(["align", "--workdir", run], ["--to FOLDER"])
    refused(["align", "--workdir", run, "--to", run], ["exists"])
    refused(["align", "--workdir", run, "--to", tmp_path / "out", "--clusterer", "gmm"], ["kmeans", "'gmm'"])
    write_run(tmp_path / "other", {"path": str(tmp_path / "data")}, NAMES, clusters={"kmeans": [0] * 5}, pose=None)
    refused(["align", "--workdir", tmp_path / "other", "--to", tmp_path / "out"], ["predicts poses"])
    assert not (tmp_path / "out").exists()
