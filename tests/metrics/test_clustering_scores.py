import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    balanced_accuracy_score,
    normalized_mutual_info_score,
)
from sklearn.metrics import confusion_matrix as sklearn_confusion

from irl_inr_jax.metrics.clustering_scores import (
    NOISE,
    UNMATCHED,
    balanced_accuracy,
    clustering_accuracy,
    confusion_matrix,
    many_to_one_accuracy,
    match_clusters,
    neighbour_purity,
    per_class_accuracy,
    purity_and_recall,
    score_clusters,
)
from irl_inr_jax.types import InputError

SCORES = {"accuracy", "balanced_accuracy", "many_to_one_accuracy", "nmi", "ami", "ari"}


def pairs_of_ids(max_classes: int, max_clusters: int, lowest_cluster: int = 0):
    pair = st.tuples(st.integers(0, max_classes - 1), st.integers(lowest_cluster, max_clusters - 1))
    return st.lists(pair, min_size=1, max_size=40).map(lambda pairs: np.array(pairs, np.int32).T)


def brute_force_accuracy(labels, clusters):
    """The best over all one-to-one assignments, padded so that clusters may be unmatched; noise is never correct."""
    num_ids = max(labels.max(), clusters.max()) + 1
    renamings = itertools.permutations(range(num_ids))
    return max(np.mean((np.array(p)[clusters] == labels) & (clusters != NOISE)) for p in renamings)


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(4, 5, NOISE))
def test_accuracy_is_the_best_over_all_permutations(ids):
    labels, clusters = ids
    assert clustering_accuracy(labels, clusters) == pytest.approx(brute_force_accuracy(labels, clusters))


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(5, 6, NOISE), st.permutations(range(5)), st.permutations(range(6)))
def test_scores_do_not_depend_on_how_classes_and_clusters_are_numbered(ids, class_names, cluster_names):
    labels, clusters = ids
    renamed = score_clusters(np.array(class_names)[labels], np.array([*cluster_names, NOISE])[clusters])
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


def test_the_matching_is_better_than_a_greedy_one():
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
@given(pairs_of_ids(4, 6, NOISE))
def test_nmi_ami_and_ari_agree_with_scikit_learn_with_noise_as_a_cluster(ids):
    labels, clusters = ids
    scores = score_clusters(labels, clusters)
    assert set(scores) == SCORES and all(type(value) is float and np.isfinite(value) for value in scores.values())
    as_cluster = np.where(clusters == NOISE, 6, clusters)
    assert scores["nmi"] == pytest.approx(normalized_mutual_info_score(labels, as_cluster))
    assert scores["ami"] == pytest.approx(adjusted_mutual_info_score(labels, as_cluster))
    assert scores["ari"] == pytest.approx(adjusted_rand_score(labels, as_cluster))
    assert scores["accuracy"] <= scores["many_to_one_accuracy"] == many_to_one_accuracy(labels, clusters)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(5, 6, NOISE))
def test_balanced_accuracy_agrees_with_scikit_learn_after_matching_and_is_the_mean_over_classes(ids):
    labels, clusters = ids
    matched = np.append(match_clusters(labels, clusters), NOISE)[clusters]
    shares = per_class_accuracy(labels, clusters, 5)
    assert balanced_accuracy(labels, clusters) == pytest.approx(balanced_accuracy_score(labels, matched))
    assert shares.shape == (5,)
    np.testing.assert_array_equal(np.isnan(shares), np.bincount(labels, minlength=5) == 0)
    assert np.nanmean(shares) == pytest.approx(balanced_accuracy(labels, clusters))
    assert np.nansum(shares * np.bincount(labels, minlength=5)) / len(labels) == pytest.approx(
        clustering_accuracy(labels, clusters)
    )


def test_a_class_without_a_cluster_has_accuracy_zero_and_one_without_images_nan():
    labels = np.repeat([0, 1, 3], [5, 3, 2])
    clusters = np.repeat([1, 0, 0], [5, 3, 2])
    np.testing.assert_array_equal(per_class_accuracy(labels, clusters), [1, 1, np.nan, 0])
    assert balanced_accuracy(labels, clusters) == pytest.approx(2 / 3)


def test_ties_between_matches_are_resolved_by_balanced_accuracy():
    # One cluster holds two of four sixes and both nines: as many images are right either way.
    for labels in (np.array([0, 0, 0, 0, 1, 1]), np.array([1, 1, 1, 1, 0, 0])):
        assert balanced_accuracy(labels, np.array([NOISE, NOISE, 0, 0, 0, 0])) == 0.5
        assert clustering_accuracy(labels, np.array([NOISE, NOISE, 0, 0, 0, 0])) == pytest.approx(1 / 3)


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(4, 5, NOISE), st.integers(0, 3))
def test_changing_an_image_to_noise_never_increases_accuracy(ids, which):
    labels, clusters = ids
    fewer = clusters.copy()
    fewer[which % len(fewer)] = NOISE
    assert clustering_accuracy(labels, fewer) <= clustering_accuracy(labels, clusters)
    assert many_to_one_accuracy(labels, fewer) <= many_to_one_accuracy(labels, clusters)


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(4, 5), st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_images_of_noise_are_errors_and_have_no_other_effect(ids, noisy):
    labels, clusters = ids
    all_labels = np.concatenate([labels, np.array(noisy, labels.dtype)])
    all_clusters = np.concatenate([clusters, np.full(len(noisy), NOISE, clusters.dtype)])
    share = len(labels) / len(all_labels)
    for score in (clustering_accuracy, many_to_one_accuracy):
        assert score(all_labels, all_clusters) == pytest.approx(share * score(labels, clusters))
    matrix = confusion_matrix(all_labels, all_clusters, 4)
    np.testing.assert_array_equal(matrix[:, -1], np.bincount(noisy, minlength=4))
    np.testing.assert_array_equal(matrix[:, :-1].sum(axis=1), np.bincount(labels, minlength=4))


def test_noise_only_scores_zero():
    labels, clusters = np.array([0, 0, 1, 2]), np.full(4, NOISE)
    scores = score_clusters(labels, clusters)
    assert [scores[name] for name in ("accuracy", "balanced_accuracy", "many_to_one_accuracy")] == [0, 0, 0]
    assert [scores[name] for name in ("nmi", "ami", "ari")] == pytest.approx([0, 0, 0])
    assert match_clusters(labels, clusters).shape == (0,)
    np.testing.assert_array_equal(per_class_accuracy(labels, clusters), [0, 0, 0])
    np.testing.assert_array_equal(confusion_matrix(labels, clusters, 3), [[0, 0, 0, 2], [0, 0, 0, 1], [0, 0, 0, 1]])


@pytest.mark.parametrize("num_images", [1, 5])
@pytest.mark.parametrize("label", [0, 2])
def test_one_class_or_one_image_is_scored_too(num_images, label):
    labels = np.full(num_images, label)
    assert score_clusters(labels, np.zeros(num_images, int)) == pytest.approx(dict.fromkeys(SCORES, 1.0))
    noise = score_clusters(labels, np.full(num_images, NOISE))
    assert noise["accuracy"] == 0 and all(np.isfinite(list(noise.values())))
    split = score_clusters(labels, np.arange(num_images))
    assert split["accuracy"] == pytest.approx(1 / num_images) and all(np.isfinite(list(split.values())))


@settings(max_examples=40, deadline=None)
@given(pairs_of_ids(5, 7, NOISE))
def test_confusion_matrix_counts_every_image_and_its_diagonal_gives_the_accuracy(ids):
    labels, clusters = ids
    matrix = confusion_matrix(labels, clusters, 5)
    np.testing.assert_array_equal(matrix.sum(axis=1), np.bincount(labels, minlength=5))
    sizes = np.bincount(clusters + 1)
    columns = matrix.sum(axis=0)
    np.testing.assert_array_equal(np.sort(columns[columns > 0]), np.sort(sizes[sizes > 0]))
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


def test_purity_and_recall_of_each_class_over_all_clusters_in_which_it_is_the_most_common():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 0])
    clusters = np.array([0, 0, 1, 2, 2, 2, 0, NOISE])
    purity, recall = purity_and_recall(labels, clusters, 4)
    np.testing.assert_allclose(purity, [3 / 4, 2 / 3, np.nan, np.nan])
    np.testing.assert_allclose(recall, [3 / 5, 1, 0, np.nan])


@pytest.mark.parametrize("seed", range(3))
def test_recall_weighted_by_class_sizes_is_the_many_to_one_accuracy(seed):
    rng = np.random.default_rng(seed)
    labels, clusters = rng.integers(0, 4, 60), rng.integers(-1, 9, 60)
    _, recall = purity_and_recall(labels, clusters)
    assert np.average(recall, weights=np.bincount(labels)) == pytest.approx(many_to_one_accuracy(labels, clusters))


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
    with pytest.raises(InputError, match=rf"expected num_neighbours from 1 to .*\(3\), found {num_neighbours}; set"):
        neighbour_purity(np.eye(4), np.zeros(4, int), num_neighbours)
