"""The image distortion model, against a float64 computation with SciPy."""

import numpy as np
import pytest
from scipy import ndimage

from irl_inr_jax.clustering.neighbours.distortion import GRID, PATCH_SIDE, SPACING, distortion_distances


def smooth_patches(count, seed=0):
    noise = np.random.default_rng(seed).normal(size=(count, 1, PATCH_SIDE, PATCH_SIDE))
    y, x = np.mgrid[:PATCH_SIDE, :PATCH_SIDE] - (PATCH_SIDE - 1) / 2
    return (ndimage.gaussian_filter(noise, (0, 0, 2, 2)) * (np.hypot(x, y) < 12)).astype(np.float32)


def sample(patch, angle, mirrored):
    """The patch, mirrored and rotated, on a grid with a border of two points."""
    steps = (np.arange(GRID + 4) - (GRID + 3) / 2) * SPACING
    x, y = np.meshgrid(steps, -steps)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    v = -v if mirrored else v
    middle = (PATCH_SIDE - 1) / 2
    return ndimage.map_coordinates(patch.astype(np.float64), [middle - v, middle + u], order=1)


def reference(query, point, angle, mirrored):
    """Sum of the least squared difference of 3 x 3 gradient patches over the nine displacements."""
    gradients = []
    for sampled in (sample(query, 0.0, False), sample(point, angle, mirrored)):
        gradients.append(np.stack([ndimage.sobel(sampled, axis)[1:-1, 1:-1] for axis in (1, 0)]))
    best = np.full((GRID, GRID), np.inf)
    for down in range(3):
        for right in range(3):
            moved = gradients[1][:, down : down + GRID, right : right + GRID]
            squares = ((gradients[0][:, 1:-1, 1:-1] - moved) ** 2).sum(0)
            best = np.minimum(best, 9 * ndimage.uniform_filter(squares, 3, mode="constant"))
    return best.sum()


@pytest.mark.parametrize(("angle", "mirrored"), [(0.0, 0), (0.7, 0), (-2.0, 1)])
def test_distances_are_those_of_the_definition(angle, mirrored):
    patches = smooth_patches(4)
    candidates = np.array([[1, 2], [3, 0]], np.int32)
    shape = candidates.shape
    found = distortion_distances(
        patches[:2], patches, candidates, np.full(shape, angle, np.float32), np.full(shape, mirrored, np.int32)
    )
    expected = [[reference(patches[i, 0], patches[j, 0], angle, mirrored) for j in candidates[i]] for i in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_channels_add_up_and_a_displacement_of_one_grid_point_costs_nothing_inside_the_grid():
    patch = smooth_patches(1)[0, 0]
    moved = ndimage.shift(patch, (0, SPACING), order=1)
    both = np.stack([patch, moved])[:, None]
    row = np.zeros((1, 1), np.float32)
    turned, candidates = row.astype(np.int32), np.ones((1, 1), np.int32)
    near = distortion_distances(both[:1], both, candidates, row, turned)
    far = distortion_distances(both[:1], ndimage.shift(both, (0, 0, 0, 3 * SPACING), order=1), candidates, row, turned)
    assert near < 0.02 * far
    twice = np.concatenate([both, both], axis=1)
    np.testing.assert_allclose(distortion_distances(twice[:1], twice, candidates, row, turned), 2 * near, rtol=1e-5)
