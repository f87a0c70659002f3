"""irl-inr export on evaluated runs that are written without training."""

import csv

import mrcfile
import numpy as np
import pytest

from tests.evaluated_run import make_blob_images, sample_pose, write_png_folder, write_run

NAMES = ["a/1.png", "a_1.png", "b/ü 2.png", "b/3.png"]
CLUSTERS = {"kmeans": [0, 1, -1, 1], "agglomerative": [1, 0, 0, 0]}


@pytest.fixture
def run(tmp_path):
    """A run on a folder of four PNG files."""
    pose = sample_pose(4)
    write_png_folder(tmp_path / "data", NAMES, make_blob_images(pose.theta, pose.tau, 16))
    write_run(tmp_path / "run", {"path": str(tmp_path / "data")}, sorted(NAMES), clusters=CLUSTERS, pose=pose)
    return tmp_path / "run"


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("copy", [False, True])
def test_folders_hold_the_users_own_files(irl_inr, run, tmp_path, copy):
    arguments = ["export", "--workdir", run, "--to", "folders", "--out", tmp_path / "out"]
    result = irl_inr(*arguments, *(["--copy"] if copy else []))
    assert result.status == 0, result.err
    assert ("copies of" if copy else "links to") + " 4 images in 3 folders by kmeans" in result.out
    for row in read_rows(tmp_path / "out/images.csv"):
        path = tmp_path / "out" / row["file"]
        assert path.read_bytes() == (tmp_path / "data" / row["id"]).read_bytes() and path.is_symlink() != copy
        assert path.parent.name == ("noise" if row["cluster"] == "-1" else f"cluster_0{row['cluster']}")


def test_images_of_an_array_are_written(irl_inr, tmp_path):
    images = np.arange(3 * 5 * 7, dtype=np.uint8).reshape(3, 5, 7)
    np.save(tmp_path / "lots.npy", images)
    ids = [f"lots/0000{number}" for number in range(3)]
    write_run(tmp_path / "run", {"path": str(tmp_path / "lots.npy")}, ids, clusters={"kmeans": [0, 0, 1]}, pose=None)
    assert irl_inr("export", "--workdir", tmp_path / "run", "--to", "folders").status == 0
    from PIL import Image

    out = tmp_path / "run/export/kmeans"
    for row, image in zip(read_rows(out / "images.csv"), images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(out / row["file"])), image)


def test_the_table_has_poses_in_pixels_of_the_images(irl_inr, run, tmp_path):
    out = tmp_path / "a.csv"
    assert irl_inr("export", "--workdir", run, "--to", "csv", "--clusterer", "agglomerative", "--out", out).status == 0
    rows, pose = read_rows(out), sample_pose(4)
    assert list(rows[0])[:3] == ["id", "cluster", "confidence"] and [row["id"] for row in rows] == sorted(NAMES)
    assert [int(row["cluster"]) for row in rows] == CLUSTERS["agglomerative"]
    np.testing.assert_allclose([float(row["tau_y"]) for row in rows], 8 * pose.tau[:, 1], rtol=1e-5)
    np.testing.assert_allclose([float(row["theta"]) for row in rows], pose.theta, rtol=1e-5)


def test_a_star_file_names_the_images_of_a_stack(irl_inr, tmp_path):
    images = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    with mrcfile.new(tmp_path / "lots.mrcs", data=images) as file:
        file.set_image_stack()
        file.voxel_size = 2.0
    ids, pose = [f"lots/0000{number}" for number in (2, 0)], sample_pose(2)
    write_run(tmp_path / "run", {"path": str(tmp_path / "lots.mrcs")}, ids, clusters={"kmeans": [0, 1]}, pose=pose)
    assert irl_inr("export", "--workdir", tmp_path / "run", "--to", "star").status == 0
    lines = (tmp_path / "run/export/kmeans.star").read_text().splitlines()
    rows = [line.split() for line in lines if "@" in line]
    assert [row[0] for row in rows] == [f"{n:06d}@{tmp_path}/lots.mrcs" for n in (3, 1)]
    np.testing.assert_allclose([float(row[3]) for row in rows], np.degrees(pose.theta), atol=1e-4)
    # In angstroms, to the right: half a pixel to RELION's centre, minus the shift of 4 pixels per half side.
    np.testing.assert_allclose([float(row[4]) for row in rows], 2.0 * (0.5 - 4 * pose.tau[:, 0]), atol=1e-4)


def test_what_cannot_be_exported_is_one_line(refused, run, tmp_path):
    refused(["export", "--workdir", run], ["--to folders|csv|parquet|star"])
    refused(["export", "--workdir", tmp_path, "--to", "csv"], ["config.json"])
    refused(["export", "--workdir", run, "--to", "csv", "--clusterer", "scan"], ["kmeans, agglomerative", "'scan'"])
    refused(["export", "--workdir", run, "--to", "csv", "--copy"], ["--copy"])
    refused(["export", "--workdir", run, "--to", "folders", "--out", run], ["exists"])
    refused(
        ["export", "--workdir", run, "--to", "csv", "--out", tmp_path / "x.parquet"], ["ending in .csv", "x.parquet"]
    )
    refused(["export", "--workdir", run, "--to", "parquet", "--out", tmp_path / "x"], ["ending in .parquet"])
    (tmp_path / "data/b/3.png").unlink()
    refused(["export", "--workdir", run, "--to", "folders", "--out", tmp_path / "out"], ["b/3.png", "1 of 4"])
    (run / "eval/clusters.csv").unlink()
    refused(["export", "--workdir", run, "--to", "csv"], ["irl-inr evaluate"])


def test_star_needs_files(refused, tmp_path):
    ids = ["digits/00000", "digits/00001"]
    write_run(tmp_path / "run", {"name": "digits_u"}, ids, clusters={"kmeans": [0, 1]}, pose=None)
    refused(["export", "--workdir", tmp_path / "run", "--to", "star"], ["align --format mrcs"])
    np.save(tmp_path / "lots.npy", np.eye(4, dtype=np.uint8).reshape(1, 4, 4))
    data = {"path": str(tmp_path / "lots.npy")}
    write_run(tmp_path / "array", data, ["lots/00000"], clusters={"kmeans": [0]}, pose=None)
    refused(["export", "--workdir", tmp_path / "array", "--to", "star"], [".mrcs", "lots.npy"])
