"""The files of an evaluation, read back, and refused when they are damaged."""

import numpy as np
import pytest

from irl_inr_jax.config.checked_files import read_json, write_json
from irl_inr_jax.evaluation.curated_table import write_curated_table
from irl_inr_jax.evaluation.curation import Rename
from irl_inr_jax.evaluation.curation_versions import Curation, CurationVersion, save_curations
from irl_inr_jax.evaluation.stored import choose_clusterer, find_rows, load_evaluation, require_pose
from irl_inr_jax.types import InputError
from tests.evaluated_run import sample_pose, write_run

IDS = ["a/1", "ü,2", 'b"3', "c\n4"]
CLUSTERS = {"kmeans": [0, 1, -1, 1], "agglomerative": [2, 0, 0, 1]}


@pytest.fixture
def run(tmp_path):
    """A run of four images with labels, poses and two own columns."""
    columns = {"dose": np.array([1.5, 2.5, 3.5, 4.5]), "kmeans": np.array(["w", "x", "y", "z"])}
    labels = np.array([1, 0, -1, 1], np.int32)
    known = {"columns": columns, "labels": labels, "class_names": ("six", "nine")}
    write_run(tmp_path / "run", {}, IDS, clusters=CLUSTERS, pose=sample_pose(4), **known)
    return tmp_path / "run"


def test_everything_that_was_written_is_read(run):
    stored = load_evaluation(run)
    assert stored.ids.tolist() == IDS and list(stored.clusters) == list(CLUSTERS)
    for name, clusters in CLUSTERS.items():
        assert stored.clusters[name].tolist() == clusters
        np.testing.assert_allclose(stored.confidence[name], np.linspace(1, 0.5, 4), atol=1e-4)
    assert stored.classes.tolist() == ["nine", "six", "", "nine"]
    np.testing.assert_allclose(stored.outliers, np.linspace(0.9, 1.4, 4), atol=1e-4)
    assert {name: values.tolist() for name, values in stored.columns.items()} == {
        "dose": ["1.5", "2.5", "3.5", "4.5"],
        "data_kmeans": ["w", "x", "y", "z"],
    }
    np.testing.assert_array_equal(require_pose(stored).theta, sample_pose(4).theta)
    assert stored.scaling.scale == 1 / 255


@pytest.mark.parametrize("name", ["results.json", "embeddings.npz", "clusters.csv"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"id\n"])
def test_missing_and_damaged_files_are_one_input_error(run, name, content):
    path = run / "eval" / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match="evaluate") as error:
        load_evaluation(run)
    assert "expected" in str(error.value) and "found" in str(error.value)


def test_files_of_different_evaluations_are_refused(run, tmp_path):
    write_run(tmp_path / "other", {}, IDS[:3], clusters={"kmeans": [0, 0, 1]}, pose=None)
    (tmp_path / "other/eval/clusters.csv").rename(run / "eval/clusters.csv")
    with pytest.raises(InputError, match=r"found a damaged file \(it was changed since, or is of another evaluation"):
        load_evaluation(run)


def test_an_unknown_clusterer_is_refused_with_the_known_ones(run):
    stored = load_evaluation(run)
    assert choose_clusterer(stored, "") == "kmeans" and choose_clusterer(stored, "agglomerative") == "agglomerative"
    for name in ("scan", "gmm", "pixels_kmeans"):  # never computed, skipped, and the baseline
        with pytest.raises(InputError, match="expected one of kmeans, agglomerative"):
            choose_clusterer(stored, name)


def test_a_method_without_pose_is_named(tmp_path):
    write_run(tmp_path / "run", {}, IDS, clusters=CLUSTERS, pose=None)
    path = tmp_path / "run/eval/results.json"
    write_json(path, read_json(path) | {"method": "simclr"})
    with pytest.raises(InputError, match="found simclr"):
        require_pose(load_evaluation(tmp_path / "run"))


def test_rows_are_found_by_id():
    ids = np.array(["c", "a", "b"])
    assert find_rows(ids, np.array(["a", "c"])).tolist() == [1, 0]
    with pytest.raises(InputError, match=r"no 'x' \(1 of 2"):
        find_rows(ids, np.array(["a", "x"]))


def test_texts_that_a_spreadsheet_would_evaluate_are_read_back(tmp_path):
    ids, notes = ["=1+1", "'=1+1", "-3", "@x"], np.array(["-a", "'", "+", "\t"])
    clusters = {"kmeans": [0, 1, 0, -1]}
    write_run(tmp_path / "run", {}, ids, clusters=clusters, pose=None, columns={"=note": notes})
    assert (tmp_path / "run/eval/clusters.csv").read_text().splitlines()[1].startswith("'=1+1,")
    stored = load_evaluation(tmp_path / "run")
    assert stored.ids.tolist() == ids and stored.columns["=note"].tolist() == notes.tolist()
    assert stored.clusters["kmeans"].tolist() == clusters["kmeans"] and not stored.raw_csv
    version = CurationVersion("today", "a.csv", (Rename(0, "=x"),))
    save_curations(tmp_path / "run", {"kmeans": Curation(stored.ids, stored.clusters["kmeans"], (version,))})
    write_curated_table(tmp_path / "run")
    assert ",'=x," in (tmp_path / "run/eval/clusters.csv").read_text()
    corrected = load_evaluation(tmp_path / "run")
    assert corrected.columns["=note"].tolist() == notes.tolist() and corrected.cluster_names["kmeans"] == {0: "=x"}
