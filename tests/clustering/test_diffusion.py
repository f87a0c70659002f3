"""Coordinates of neighbour graphs."""

import numpy as np
import pytest

from irl_inr_jax.clustering import diffusion
from irl_inr_jax.clustering.diffusion import diffusion_coordinates, shared_neighbour_graph, slowest_modes


def ring(size, reach):
    """Neighbours along a ring, `reach` on each side."""
    steps = np.concatenate([np.arange(1, reach + 1), -np.arange(1, reach + 1)])
    return (np.arange(size)[:, None] + steps) % size


def cliques(*sizes):
    """Each image's neighbours are the next four of its clique."""
    starts = np.cumsum([0, *sizes[:-1]])
    return np.concatenate(
        [s + (np.arange(n)[:, None] + np.arange(1, 5)) % n for s, n in zip(starts, sizes, strict=True)]
    )


def random_neighbours(size, count, seed=0):
    points = np.random.default_rng(seed).normal(size=(size, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    return distances.argsort(axis=1)[:, 1 : count + 1]


def test_the_graph_is_what_it_says():
    neighbours = random_neighbours(30, 4)
    sets = [{i, *row} for i, row in enumerate(neighbours.tolist())]
    expected = [
        [len(a & b) * ((j in a) + (i in b)) if i != j else 0 for j, b in enumerate(sets)] for i, a in enumerate(sets)
    ]
    np.testing.assert_array_equal(shared_neighbour_graph(neighbours).toarray(), expected)


def test_rows_are_the_normalised_diffusion_map():
    """Rows of (D^-1/2 W D^-1/2)^t have the coordinates' products, when all eigenvectors are kept."""
    neighbours = random_neighbours(40, 5)
    graph = shared_neighbour_graph(neighbours).toarray()
    scale = graph.sum(1) ** -0.5
    walked = np.linalg.matrix_power(scale[:, None] * graph * scale, 21)  # by then all below 0 has died out
    walked /= np.linalg.norm(walked, axis=1, keepdims=True)
    found = diffusion_coordinates(neighbours, num_dims=40, num_steps=21, seed=0)
    np.testing.assert_allclose(found @ found.T, walked @ walked.T, atol=1e-6)


def test_pieces_are_at_right_angles_and_ones_small_inside_many_steps():
    sizes = (30, 12, 5, 5, 60)
    found = diffusion_coordinates(cliques(*sizes), num_dims=3, num_steps=200, seed=0)
    piece = np.repeat(np.arange(5), sizes)
    assert found.shape == (112, 3 + 5 - 1)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    products = found @ found.T
    np.testing.assert_allclose(products[piece[:, None] != piece], 0, atol=1e-9)
    assert products[piece[:, None] == piece].min() > 0.9


def test_lanczos_finds_what_the_dense_solver_finds_from_any_seed(monkeypatch):
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


def test_what_lanczos_cannot_finish_is_left_out(monkeypatch):
    def give_up(walk, num_modes, **options):
        raise diffusion.ArpackNoConvergence("no", np.array([0.5, 1.0]), np.eye(walk.shape[0])[:, :2])

    monkeypatch.setattr(diffusion, "DENSE_SIZE", 10)
    monkeypatch.setattr(diffusion, "eigsh", give_up)
    values, vectors = slowest_modes(shared_neighbour_graph(ring(50, 3)), 5, 0)
    np.testing.assert_array_equal(values, [1.0, 0.5])
    np.testing.assert_array_equal(vectors, np.eye(50)[:, [1, 0]])
