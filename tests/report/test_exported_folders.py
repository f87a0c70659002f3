"""Folders of clusters: every id once, links and copies, and no half-written output."""

import csv
from pathlib import Path

import numpy as np
import pytest

from irl_inr_jax.data.readers.image_files import read_image
from irl_inr_jax.report.exported_folders import name_folders, new_folder, write_images, write_links
from irl_inr_jax.types import InputError

IDS = np.array(["lot/1.png", "lot_1.png", "ü/細.png", "LOT/1.png", "a b.png"])
CLUSTERS = np.array([0, 0, -1, 2, 0], np.int32)
FOLDERS = name_folders(CLUSTERS, {}, np.zeros(len(CLUSTERS), bool))


def read_index(folder):
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"source{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]))
    return np.array([str(path) for path in paths])


@pytest.mark.parametrize("copy", [False, True])
def test_every_id_is_found_again_with_its_file_and_cluster(tmp_path, files, copy):
    with new_folder(tmp_path / "out") as folder:
        write_links(folder, IDS, CLUSTERS, files, folders=FOLDERS, copy=copy, raw=False)
    rows = read_index(tmp_path / "out")
    assert [row["id"] for row in rows] == IDS.tolist()
    assert [int(row["cluster"]) for row in rows] == CLUSTERS.tolist()
    for number, row in enumerate(rows):
        path = tmp_path / "out" / row["file"]
        assert path.is_symlink() != copy and path.read_bytes() == bytes([number])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cluster_00",
        "cluster_02",
        "images.csv",
        "noise",
    ]


def test_written_images_keep_their_values(tmp_path):
    images = np.random.default_rng(0).integers(0, 2**16, (5, 4, 6, 1), np.uint16)
    with new_folder(tmp_path / "out") as folder:
        write_images(folder, IDS, CLUSTERS, lambda rows: images[rows], folders=FOLDERS, suffix=".png", raw=False)
    for image, row in zip(images, read_index(tmp_path / "out"), strict=True):
        np.testing.assert_array_equal(read_image(tmp_path / "out" / row["file"]), image)


def test_folders_sort_by_number():
    folders = name_folders(np.array([3, -1, 120], np.int32), {}, np.zeros(3, bool))
    assert folders == ["cluster_003", "noise", "cluster_120"]


def test_names_follow_the_number_and_junk_has_a_folder_of_its_own():
    names = {0: "a/b: scratch", 1: "ring"}
    folders = name_folders(np.array([0, 1, -1, -1], np.int32), names, np.array([False, False, True, False]))
    assert folders == ["cluster_00_a_b_ scratch", "cluster_01_ring", "junk", "noise"]


def test_an_error_leaves_nothing_behind(tmp_path, files):
    files[3] = str(tmp_path / "missing.png")
    before = set(tmp_path.iterdir())
    for copy in (True, False):
        with pytest.raises(InputError, match=r"missing\.png"), new_folder(tmp_path / "out") as folder:
            write_links(folder, IDS, CLUSTERS, files, folders=FOLDERS, copy=copy, raw=False)
        assert set(tmp_path.iterdir()) == before


def test_of_two_exports_to_one_name_the_first_to_finish_is_kept(tmp_path):
    with pytest.raises(InputError, match="exists"), new_folder(tmp_path / "out") as slow:
        (slow / "slow.png").touch()
        with new_folder(tmp_path / "out") as fast:
            (fast / "fast.png").touch()
        assert (slow / "slow.png").exists()
    assert [path.name for path in tmp_path.rglob("*.png")] == ["fast.png"]


def test_an_output_that_appears_at_the_last_moment_is_refused(tmp_path, monkeypatch):
    def rename(partial, path):
        path.mkdir()
        (path / "fast.png").touch()
        raise OSError("Directory not empty")

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(InputError, match="exists"), new_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_existing_output_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists"), new_folder(tmp_path / "out"):
        pass
