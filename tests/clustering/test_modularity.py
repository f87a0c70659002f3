"""Test modularity against its definition, and its maximisation."""

import numpy as np

from irl_inr_jax.clustering.modularity import measure_modularity, neighbour_graph, refine_partition


def random_neighbours(num_images, count, seed=0):
    rng = np.random.default_rng(seed)
    others = [np.setdiff1d(np.arange(num_images), image) for image in range(num_images)]
    return np.stack([rng.choice(other, count, replace=False) for other in others])


def ring_neighbours(num_groups, size, count):
    """Images in groups; the neighbours of each are the next images of its group."""
    images = np.arange(num_groups * size).reshape(num_groups, size)
    return np.concatenate([np.stack([np.roll(group, -j) for j in range(1, count + 1)], axis=1) for group in images])


def test_modularity_is_that_of_its_definition():
    neighbours, clusters = random_neighbours(20, 4), np.random.default_rng(1).integers(0, 3, 20)
    weights = np.zeros((20, 20))
    for image, others in enumerate(neighbours):
        weights[image, others] += 0.5
        weights[others, image] += 0.5
    graph = neighbour_graph(neighbours)
    np.testing.assert_allclose(graph.toarray(), weights)
    degrees = weights.sum(1)
    expected = (weights - np.outer(degrees, degrees) / weights.sum())[clusters[:, None] == clusters].sum()
    np.testing.assert_allclose(measure_modularity(graph, clusters), expected / weights.sum(), atol=1e-7)
    assert abs(measure_modularity(graph, np.zeros(20, int))) < 1e-7


def test_separate_groups_have_the_modularity_of_their_number_and_are_left_alone():
    graph, groups = neighbour_graph(ring_neighbours(4, 8, 3)), np.repeat(np.arange(4), 8)
    np.testing.assert_allclose(measure_modularity(graph, groups), 1 - 1 / 4, atol=1e-7)
    np.testing.assert_array_equal(refine_partition(graph, groups, num_sweeps=5, seed=0), groups)


def test_misplaced_images_return_to_their_groups():
    graph, groups = neighbour_graph(ring_neighbours(4, 12, 5)), np.repeat(np.arange(4), 12)
    disturbed = groups.copy()
    disturbed[[1, 13, 30, 31, 46]] = [2, 0, 3, 1, 0]
    np.testing.assert_array_equal(refine_partition(graph, disturbed, num_sweeps=15, seed=0), groups)


def test_refining_never_lowers_the_modularity_nor_empties_a_cluster():
    for seed in range(5):
        graph = neighbour_graph(random_neighbours(40, 5, seed))
        clusters = np.random.default_rng(seed).permutation(np.arange(40) % 12)
        refined = refine_partition(graph, clusters, num_sweeps=15, seed=seed)
        assert refined.dtype == np.int32 and set(refined) == set(range(12))
        assert measure_modularity(graph, refined) > measure_modularity(graph, clusters)
        np.testing.assert_array_equal(refined, refine_partition(graph, clusters, num_sweeps=15, seed=seed))
