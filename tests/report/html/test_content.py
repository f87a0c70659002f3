"""The content of the page."""

import base64

import numpy as np
import pytest

from irl_inr_jax.evaluation.curation import (
    MarkJunk,
    Merge,
    Rename,
    apply_operations,
    digest_clusters,
    start_curation,
)
from irl_inr_jax.report.html import content as content_module
from irl_inr_jax.report.html.content import describe_curves, rows_by_cluster
from irl_inr_jax.report.html.encoding import encode_json


def unpack(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), packed["dtype"]).reshape(packed["shape"])


def test_images_and_clusterings_are_those_of_the_evaluation(arrows):
    content = arrows.describe()
    split, images = arrows.evaluation.split, content["images"]
    assert images["ids"] == list(split.images.ids) and images["columns"]["site"] == list(split.images.columns["site"])
    np.testing.assert_array_equal(unpack(images["labels"]), split.images.labels)
    np.testing.assert_array_equal(unpack(images["theta"]), split.embeddings.pose.theta)
    np.testing.assert_array_equal(unpack(images["thumbnail"]), np.arange(90))
    names = [clustering["name"] for clustering in content["clusterings"]]
    assert names == ["kmeans", "agglomerative"]
    found = arrows.evaluation.comparison.clusterings["kmeans"]
    np.testing.assert_array_equal(unpack(content["clusterings"][0]["clusters"]), found.clusters)
    assert len(content["clusterings"][0]["means"]) == len(content["clusterings"][0]["drawings"]) == 3
    encode_json(content)


def test_similar_images_are_other_images_of_the_same_shape(arrows):
    similar, labels = unpack(arrows.describe()["images"]["similar"]), arrows.dataset.train.labels
    assert similar.shape == (90, 12) and not (similar == np.arange(90)[:, None]).any()
    assert (labels[similar] == labels[:, None]).mean() > 0.8


def test_many_images_have_thumbnails_in_part_and_neighbours_by_latents(arrows, monkeypatch):
    monkeypatch.setattr(content_module, "MAX_THUMBNAILS", 30)
    monkeypatch.setattr(content_module, "MAX_SEARCHED", 30)
    content = arrows.describe()
    places = unpack(content["images"]["thumbnail"])
    np.testing.assert_array_equal(np.sort(places[places >= 0]), np.arange(30))
    clusters = arrows.evaluation.comparison.clusterings["kmeans"].clusters
    assert len(np.unique(clusters[places >= 0])) == 3 and content["images"]["similar_by"] == "latents"
    assert any("30 of the 90 images have a thumbnail" in note for note in content["notes"])


def test_scores_that_need_labels_are_absent_without_labels(arrows, unlabelled):
    assert arrows.describe()["table"]["columns"][2] == "accuracy"
    content = unlabelled.describe()
    assert content["table"]["columns"] == ["clusterer", "learning", "clusters", "seconds"]
    assert content["images"]["labels"] is None and content["images"]["theta"] is None
    assert set(content["atlases"]) == {"taken"} and "drawings" not in content["clusterings"][0]


def test_the_verdict_and_notes_of_the_results_are_shown(arrows):
    finding = {"name": "loss", "good": True, "text": "The loss has converged."}
    content = arrows.describe(verdict=[finding], num_clusters={"used": 3, "reason": "three is stable"})
    assert content["verdict"] == [finding] and "number of clusters: three is stable" in content["notes"]


def test_curves_are_the_losses_only():
    lines = [{"step": 5, "loss": 1.0, "head_error_deg": 4.0, "images_per_second": 9.0}, {"step": 9, "loss": 0.5}]
    assert describe_curves(lines) == {"loss": {"steps": [5, 9], "values": [1.0, 0.5]}}


@pytest.mark.parametrize(
    ("clusters", "rows"),
    [([1, -1, 0, 1], [[2], [0, 3]]), ([-1, -1], []), ([2], [[], [], [0]])],
)
def test_rows_of_each_cluster_without_noise(clusters, rows):
    assert [found.tolist() for found in rows_by_cluster(np.array(clusters))] == rows


def test_corrected_clusters_names_and_junk_are_on_the_page(arrows):
    found = arrows.evaluation.comparison.clusterings["kmeans"]
    ids = np.asarray(arrows.evaluation.split.images.ids, str)
    start = start_curation(ids, found.clusters, found.confidence)
    junk = ids[np.flatnonzero(found.clusters == 2)[:2]].tolist()
    state = apply_operations(start, [Merge(0, 1), Rename(1, "both"), MarkJunk(tuple(junk))])
    content = arrows.describe(curated={"kmeans": state})
    first, second = content["clusterings"]
    np.testing.assert_array_equal(unpack(first["clusters"]), np.where(found.clusters == 0, 1, found.clusters))
    assert first["names"] == {"1": "both"} and ids[first["junk"]].tolist() == junk
    assert len(first["means"]) == first["count"] == 3 and first["digest"] == digest_clusters(state)
    assert first["digest"] != arrows.describe()["clusterings"][0]["digest"]
    assert second["names"] == {} and second["junk"] == []
    row = next(row for row in content["table"]["rows"] if row[0] == "kmeans, corrected")
    assert row[content["table"]["columns"].index("clusters")] == "2" and "None" not in row
    encode_json(content)
