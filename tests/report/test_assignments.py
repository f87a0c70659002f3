"""The CSV file of clusters."""

import csv

import numpy as np

from irl_inr_jax.clustering import Clustering
from irl_inr_jax.report.assignments import save_assignments
from irl_inr_jax.types import Embeddings


def clustering(clusters, confidence):
    return Clustering(np.array(clusters, np.int32), np.array(confidence, np.float32), transductive=True)


def write(tmp_path, labels, outliers, **columns):
    embeddings = Embeddings(np.array(["x/1", 'odd, "name"']), np.zeros((2, 3), np.float32), None, labels)
    clusterings = {
        "pixels_kmeans": clustering([0, 1], [1, 1]),
        "kmeans": clustering([1, 0], [0.25, 1]),
        "dbscan": clustering([-1, 0], [0, 0.5]),
    }
    save_assignments(tmp_path / "clusters.csv", embeddings, clusterings, outliers, ("cat", "dog"), columns, raw=False)
    with (tmp_path / "clusters.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_image_has_its_clusters_confidences_and_outlier_score(tmp_path):
    rows = write(tmp_path, np.array([1, 0], np.int32), np.array([1.0, 2.5], np.float32))
    assert rows[0] == {
        "id": "x/1",
        "label": "dog",
        "outlier_score": "1.0000",
        "kmeans": "1",
        "kmeans_confidence": "0.2500",
        "dbscan": "-1",
        "dbscan_confidence": "0.0000",
    }
    assert rows[1]["id"] == 'odd, "name"' and rows[1]["outlier_score"] == "2.5000"


def test_without_labels_and_scores_their_columns_are_absent(tmp_path):
    rows = write(tmp_path, None, None)
    assert list(rows[0]) == ["id", "kmeans", "kmeans_confidence", "dbscan", "dbscan_confidence"]


def test_columns_of_the_data_set_follow_and_images_without_a_label_have_an_empty_cell(tmp_path):
    lots = {"lot": np.array(["L1", "L2"]), "kmeans": np.array([0.5, 2.0])}
    rows = write(tmp_path, np.array([1, -1], np.int32), None, **lots)
    assert [row["label"] for row in rows] == ["dog", ""]
    assert [row["lot"] for row in rows] == ["L1", "L2"]
    assert [row["kmeans"] for row in rows] == ["1", "0"] and [row["data_kmeans"] for row in rows] == ["0.5", "2.0"]
