"""Diffusion coordinates of neighbour graphs, and clusters that no mean separates."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from irl_inr_jax.clustering import diffusion
from irl_inr_jax.clustering.diffusion import (
    cluster_diffusion,
    diffusion_coordinates,
    leading_eigenvectors,
    shared_neighbour_graph,
)


def ring(size, reach):
    """Neighbours on a ring, `reach` on each side."""
    steps = np.concatenate([np.arange(1, reach + 1), -np.arange(1, reach + 1)])
    return (np.arange(size)[:, None] + steps) % size


def cliques(*sizes):
    """The neighbours of an image are the next four of its clique."""
    starts = np.cumsum([0, *sizes[:-1]])
    return np.concatenate(
        [s + (np.arange(n)[:, None] + np.arange(1, 5)) % n for s, n in zip(starts, sizes, strict=True)]
    )


def random_neighbours(size, count, seed=0):
    points = np.random.default_rng(seed).normal(size=(size, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    return distances.argsort(axis=1)[:, 1 : count + 1]


def test_edge_weights_are_shared_neighbours_doubled_for_mutual_ones():
    neighbours = random_neighbours(30, 4)
    sets = [{i, *row} for i, row in enumerate(neighbours.tolist())]
    expected = [
        [len(a & b) * ((j in a) + (i in b)) if i != j else 0 for j, b in enumerate(sets)] for i, a in enumerate(sets)
    ]
    np.testing.assert_array_equal(shared_neighbour_graph(neighbours).toarray(), expected)


def test_rows_are_the_normalised_diffusion_map():
    """Inner products of the coordinates are those of the rows of (D^-1/2 W D^-1/2)^t if all eigenvectors are kept."""
    neighbours = random_neighbours(40, 5)
    graph = shared_neighbour_graph(neighbours).toarray()
    scale = graph.sum(1) ** -0.5
    walked = np.linalg.matrix_power(scale[:, None] * graph * scale, 21)  # negative eigenvalues vanish
    walked /= np.linalg.norm(walked, axis=1, keepdims=True)
    found = diffusion_coordinates(neighbours, num_dims=40, num_steps=21, seed=0)
    np.testing.assert_allclose(found @ found.T, walked @ walked.T, atol=1e-6)


def test_rows_of_different_components_are_orthogonal_and_of_one_component_nearly_equal_after_many_steps():
    sizes = (30, 12, 5, 5, 60)
    found = diffusion_coordinates(cliques(*sizes), num_dims=3, num_steps=200, seed=0)
    component = np.repeat(np.arange(5), sizes)
    assert found.shape == (112, 3 + 5 - 1)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    products = found @ found.T
    np.testing.assert_allclose(products[component[:, None] != component], 0, atol=1e-9)
    assert products[component[:, None] == component].min() > 0.9


def test_lanczos_agrees_with_the_dense_solver_for_any_seed(monkeypatch):
    neighbours = random_neighbours(150, 6)
    dense = diffusion_coordinates(neighbours, num_dims=8, num_steps=4, seed=0)
    monkeypatch.setattr(diffusion, "DENSE_SIZE", 10)
    for seed in range(2):
        found = diffusion_coordinates(neighbours, num_dims=8, num_steps=4, seed=seed)
        np.testing.assert_allclose(found @ found.T, dense @ dense.T, atol=1e-6)
    again = diffusion_coordinates(neighbours, num_dims=8, num_steps=4, seed=1)
    np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize(("size", "count"), [(2, 1), (3, 2), (9, 8)])
def test_the_smallest_graphs_have_finite_coordinates(size, count):
    neighbours = (np.arange(size)[:, None] + np.arange(1, count + 1)) % size
    found = diffusion_coordinates(neighbours, num_dims=30, num_steps=10, seed=0)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)


def test_eigenvectors_that_do_not_converge_are_omitted(monkeypatch):
    def give_up(walk, num_modes, **options):
        raise diffusion.ArpackNoConvergence("no", np.array([0.5, 1.0]), np.eye(walk.shape[0])[:, :2])

    monkeypatch.setattr(diffusion, "DENSE_SIZE", 10)
    monkeypatch.setattr(diffusion, "eigsh", give_up)
    values, vectors = leading_eigenvectors(shared_neighbour_graph(ring(50, 3)), 5, 0)
    np.testing.assert_array_equal(values, [1.0, 0.5])
    np.testing.assert_array_equal(vectors, np.eye(50)[:, [1, 0]])


def rings(num_images=300):
    """Two concentric rings."""
    kinds = np.arange(num_images) % 2
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, num_images)
    noise = np.random.default_rng(1).normal(size=(num_images, 2)) * 0.05
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * (1 + 2 * kinds[:, None]) + noise, kinds


def far_blobs(num_images, num_blobs, seed=0):
    kinds = np.arange(num_images) % num_blobs
    places = 100.0 * np.random.default_rng(7).permutation(16)[:num_blobs]
    return places[kinds, None] * np.ones(3) + np.random.default_rng(seed).normal(size=(num_images, 3)), kinds


def test_rings_are_separated(make_task):
    latents, kinds = rings()
    assert adjusted_rand_score(kinds, cluster_diffusion(make_task(latents, 2)).clusters) == 1.0


@pytest.mark.parametrize("num_blobs", [2, 5])
def test_blobs_in_separate_components_are_separated_and_new_images_assigned(num_blobs, make_task):
    latents, kinds = far_blobs(200, num_blobs)
    new, new_kinds = far_blobs(50, num_blobs, seed=1)
    result = cluster_diffusion(make_task(latents, num_blobs))
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    assigned = cluster_diffusion(make_task(latents, num_blobs, assigned=new))
    np.testing.assert_array_equal(assigned.clusters, result.clusters[:num_blobs][new_kinds])
    assert np.all(assigned.confidence == 1)


def test_with_more_components_than_clusters_none_is_divided(make_task):
    latents, kinds = far_blobs(200, 5)
    clusters = cluster_diffusion(make_task(latents, 2)).clusters
    of_blob = [set(clusters[kinds == i]) for i in range(5)]
    assert all(len(found) == 1 for found in of_blob) and len(set.union(*of_blob)) == 2


def test_clusters_do_not_depend_on_the_order_of_the_images(make_task):
    latents, _ = rings()
    order = np.random.default_rng(1).permutation(len(latents))
    one, other = cluster_diffusion(make_task(latents, 2)), cluster_diffusion(make_task(latents[order], 2))
    assert adjusted_rand_score(one.clusters[order], other.clusters) == 1


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_a_few_images_in_up_to_as_many_clusters(make_task):
    for num_images in (1, 2, 3, 6):
        latents = np.random.default_rng(0).normal(size=(num_images, 3))
        for num_clusters in range(1, num_images + 1):
            clusters = cluster_diffusion(make_task(latents, num_clusters)).clusters
            assert clusters.shape == (num_images,) and set(clusters) <= set(range(num_clusters))


def test_above_the_limit_a_subsample_is_fitted(make_task, monkeypatch):
    monkeypatch.setattr(diffusion, "MAX_ROWS", 100)
    latents, kinds = far_blobs(150, 3)
    result = cluster_diffusion(make_task(latents, 3))
    assert adjusted_rand_score(kinds, result.clusters) == 1.0
    assert result.notes == ("fitted to 100 of 150 images; the others are assigned by their nearest neighbours",)
