import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from irl_inr_jax.metrics.clustering import (
    UNMATCHED,
    clustering_accuracy,
    confusion_matrix,
    many_to_one_accuracy,
    match_clusters,
    neighbour_purity,
    score_clusters,
)
from irl_inr_jax.types import InputError


def pairs_of_ids(max_classes: int, max_clusters: int):
    pair = st.tuples(st.integers(0, max_classes - 1), st.integers(0, max_clusters - 1))
    return st.lists(pair, min_size=1, max_size=40).map(lambda pairs: np.array(pairs, np.int32).T)


def brute_force_accuracy(labels, clusters):
    """The best over every one-to-one assignment, padded so that clusters may go unmatched."""
    num_ids = max(labels.max(), clusters.max()) + 1
    return max(np.mean(np.array(p)[clusters] == labels) for p in itertools.permutations(range(num_ids)))


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(4, 5))
def test_accuracy_is_the_best_over_all_permutations(ids):
    labels, clusters = ids
    assert clustering_accuracy(labels, clusters) == pytest.approx(brute_force_accuracy(labels, clusters))


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(5, 6), st.permutations(range(5)), st.permutations(range(6)))
def test_scores_do_not_depend_on_how_classes_and_clusters_are_numbered(ids, class_names, cluster_names):
    labels, clusters = ids
    renamed = score_clusters(np.array(class_names)[labels], np.array(cluster_names)[clusters])
    assert renamed == pytest.approx(score_clusters(labels, clusters))


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(5, 6))
def test_match_is_one_to_one_and_as_large_as_it_can_be(ids):
    labels, clusters = ids
    mapping = match_clusters(labels, clusters)
    matched = mapping[mapping != UNMATCHED]
    assert len(set(matched)) == len(matched) == min(labels.max() + 1, clusters.max() + 1)
    assert mapping.shape == (clusters.max() + 1,)


def test_match_of_permuted_labels_is_the_permutation():
    labels = np.repeat(np.arange(6), 5)
    permutation = np.array([3, 5, 0, 1, 4, 2])
    np.testing.assert_array_equal(match_clusters(permutation[labels], labels), permutation)
    assert clustering_accuracy(permutation[labels], labels) == 1.0


def test_greedy_matching_would_be_beaten():
    # Cluster 0 is mostly class 0 (5 against 4), but giving it to class 1 frees class 0 for cluster 1.
    labels = np.array([0] * 5 + [1] * 4 + [0] * 4)
    clusters = np.array([0] * 5 + [0] * 4 + [1] * 4)
    np.testing.assert_array_equal(match_clusters(labels, clusters), [1, 0])
    assert clustering_accuracy(labels, clusters) == pytest.approx(8 / 13)


def test_images_of_surplus_clusters_are_errors_one_to_one_but_not_many_to_one():
    labels = np.array([0, 0, 0, 0, 1, 1])
    clusters = np.array([0, 0, 0, 1, 2, 2])
    np.testing.assert_array_equal(match_clusters(labels, clusters), [0, UNMATCHED, 1])
    assert clustering_accuracy(labels, clusters) == pytest.approx(5 / 6)
    assert many_to_one_accuracy(labels, clusters) == 1.0


def test_fewer_clusters_than_classes_lose_whole_classes():
    labels = np.repeat([0, 1, 2], [5, 3, 2])
    clusters = np.repeat([1, 0, 0], [5, 3, 2])
    np.testing.assert_array_equal(match_clusters(labels, clusters), [1, 0])
    assert clustering_accuracy(labels, clusters) == many_to_one_accuracy(labels, clusters) == pytest.approx(0.8)


@settings(max_examples=30, deadline=None)
@given(pairs_of_ids(4, 6))
def test_nmi_and_ari_are_scikit_learns_and_one_to_one_is_the_lower_accuracy(ids):
    labels, clusters = ids
    scores = score_clusters(labels, clusters)
    assert set(scores) == {"accuracy", "many_to_one_accuracy", "nmi", "ari"}
    assert scores["nmi"] == pytest.approx(normalized_mutual_info_score(labels, clusters))
    assert scores["ari"] == pytest.approx(adjusted_rand_score(labels, clusters))
    assert scores["accuracy"] <= scores["many_to_one_accuracy"] == many_to_one_accuracy(labels, clusters)


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(5, 7))
def test_confusion_matrix_keeps_every_image_and_has_the_accuracy_on_its_diagonal(ids):
    labels, clusters = ids
    matrix = confusion_matrix(labels, clusters, 5)
    np.testing.assert_array_equal(matrix.sum(axis=1), np.bincount(labels, minlength=5))
    sizes = np.bincount(clusters)
    np.testing.assert_array_equal(np.sort(matrix.sum(axis=0))[-len(sizes) :], np.sort(sizes)[-matrix.shape[1] :])
    assert np.trace(matrix) / len(labels) == pytest.approx(clustering_accuracy(labels, clusters))


def test_confusion_matrix_with_equal_numbers_is_scikit_learns_after_renaming():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    clusters = np.where(rng.random(200) < 0.7, (labels + 1) % 4, rng.integers(0, 4, 200))
    expected = sklearn_confusion(labels, (clusters - 1) % 4)
    np.testing.assert_array_equal(confusion_matrix(labels, clusters, 4), expected)


def test_confusion_matrix_has_an_empty_column_for_a_class_without_cluster_and_surplus_at_the_end():
    fewer = confusion_matrix(np.array([0, 1, 1, 2]), np.array([1, 0, 0, 0]), 4)
    np.testing.assert_array_equal(fewer, [[1, 0, 0, 0], [0, 2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    more = confusion_matrix(np.repeat([0, 0, 0, 0], [1, 2, 5, 3]), np.repeat([0, 1, 2, 3], [1, 2, 5, 3]), 1)
    np.testing.assert_array_equal(more, [[5, 3, 2, 1]])


def test_neighbour_purity_of_blobs_is_one_and_of_random_labels_the_share_of_the_label():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 100)
    blobs = rng.normal(size=(200, 3)) + 20 * labels[:, None]
    assert neighbour_purity(blobs, labels, 5) == 1.0
    assert neighbour_purity(blobs, rng.integers(0, 2, 200), 5) == pytest.approx(0.5, abs=0.08)


def test_neighbour_purity_by_hand_leaves_the_image_itself_out():
    # Nearest: 0 -> 1, 1 -> 0, 3 -> 1, 7 -> 3. Only the first two agree. Counting itself would give at least 1/2 each.
    latents = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert neighbour_purity(latents, np.array([0, 0, 1, 0]), 1) == 0.5
    duplicates = np.zeros((2, 2))
    assert neighbour_purity(duplicates, np.array([0, 1]), 1) == 0.0


@pytest.mark.parametrize("num_neighbours", [0, 4])
def test_neighbour_purity_names_the_numbers_of_neighbours_there_can_be(num_neighbours):
    with pytest.raises(InputError, match=rf"expected num_neighbours from 1 to .*\(3\), found {num_neighbours}; ask"):
        neighbour_purity(np.eye(4), np.zeros(4, int), num_neighbours)
