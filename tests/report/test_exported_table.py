"""Tables of one clustering, read back."""

import csv

import numpy as np
import pyarrow.parquet
import pytest

from irl_inr_jax.evaluation.stored import load_evaluation
from irl_inr_jax.report.exported_table import tabulate_clusters, write_table
from tests.evaluated_run import sample_pose, write_run

IDS = ["a/1", "ü,2", 'b"3']


@pytest.fixture
def stored(tmp_path):
    def make(pose, **known):
        clusters = {"kmeans": [0, 1, -1], "gmm2": [1, 1, 0]}
        write_run(tmp_path / "run", {}, IDS, clusters=clusters, pose=pose, **known)
        return load_evaluation(tmp_path / "run")

    return make


def test_columns_are_those_of_the_clusterer_with_the_id_first(stored):
    pose = sample_pose(3)
    columns = {"cluster": np.array(["x", "y", "z"]), "dose": np.array([1.5, 2.5, 3.5])}
    found = stored(pose, columns=columns, labels=np.array([1, 0, -1], np.int32), class_names=("six", "nine"))
    table = tabulate_clusters(found, "kmeans", np.arange(6.0).reshape(3, 2))
    expected = "id cluster confidence outlier_score class theta tau_x tau_y data_cluster dose"
    assert " ".join(table) == expected
    assert table["cluster"].tolist() == [0, 1, -1] and table["class"].tolist() == ["nine", "six", ""]
    np.testing.assert_array_equal(table["theta"], pose.theta)
    assert table["tau_y"].tolist() == [1, 3, 5]


def test_what_is_not_known_is_left_out(stored):
    assert list(tabulate_clusters(stored(None), "gmm2", None)) == ["id", "cluster", "confidence", "outlier_score"]


def test_csv_and_parquet_hold_the_same(stored, tmp_path):
    table = tabulate_clusters(stored(sample_pose(3)), "kmeans", np.ones((3, 2)))
    write_table(tmp_path / "a.csv", table, raw=False)
    write_table(tmp_path / "a.parquet", table, raw=False)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert [row["id"] for row in rows] == IDS == columns["id"]
    assert list(rows[0]) == list(columns) == list(table)
    for name in ("cluster", "confidence", "theta", "tau_x"):
        np.testing.assert_allclose([float(row[name]) for row in rows], columns[name], rtol=1e-6)
