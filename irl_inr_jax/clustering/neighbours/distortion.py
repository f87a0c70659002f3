"""The image distortion model (Keysers, Deselaers, Gollan, Ney, IEEE TPAMI 2007), for chosen pairs, compiled by numba.

Both images are sampled on a square grid about their centres, the candidate in the frame of the query. The distance is
the sum over grid points of the least squared difference of 3 x 3 gradient patches over displacements of at most one
grid point. Strokes that are bent or displaced a little thus cost nothing.
"""

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

from irl_inr_jax.clustering.neighbours.pair_products import LARGEST

GRID = 20  # points per side on which two images are compared
PATCH_SIDE = 32  # pixels per side of the patches that are sampled
SPACING = 1.4  # of the grid points, in pixels of the patches
BLUR_PX = 0.7  # of the patches before they are sampled
_BORDER = 2  # grid points around the grid: one for displacements and one for the Sobel operator
_SAMPLED = GRID + 2 * _BORDER


@numba.njit(parallel=True, fastmath=True, cache=True)
@no_type_check
def distortion_distances(
    queries: Float32[np.ndarray, "m c s s"],
    points: Float32[np.ndarray, "n c s s"],
    candidates: Int32[np.ndarray, "m k"],
    angles: Float32[np.ndarray, "m k"],
    mirrored: Int32[np.ndarray, "m k"],
) -> Float32[np.ndarray, "m k"]:
    """Compute the distance of each query to its candidates.

    angles: radians by which each candidate is rotated counter-clockwise; where `mirrored` is 1 it is mirrored top to
    bottom before. Distances of channels are added.
    """
    num_queries, num_candidates = candidates.shape
    distances = np.zeros((num_queries, num_candidates), np.float32)
    for number in numba.prange(num_queries):
        sampled = np.empty((_SAMPLED, _SAMPLED), np.float32)
        query_x, query_y = np.empty((GRID + 2, GRID + 2), np.float32), np.empty((GRID + 2, GRID + 2), np.float32)
        point_x, point_y = np.empty((GRID + 2, GRID + 2), np.float32), np.empty((GRID + 2, GRID + 2), np.float32)
        best, squares = np.empty((GRID, GRID), np.float32), np.zeros((GRID + 2, GRID + 2), np.float32)
        column_sums = np.empty(GRID + 2, np.float32)
        for channel in range(queries.shape[1]):
            _sample(queries[number, channel], np.float32(0), 0, sampled)
            _differentiate(sampled, query_x, query_y)
            for column in range(num_candidates):
                point = points[candidates[number, column], channel]
                _sample(point, angles[number, column], mirrored[number, column], sampled)
                _differentiate(sampled, point_x, point_y)
                distances[number, column] += _compare(query_x, query_y, point_x, point_y, best, squares, column_sums)
    return distances


@numba.njit(fastmath=True, cache=True)
@no_type_check
def _sample(image, angle, mirrored, sampled):
    """Interpolate the image, mirrored and then rotated by `angle`, on the grid; 0 outside. Rows run downwards."""
    side = image.shape[0]
    middle, cos, sin = np.float32((side - 1) / 2), np.float32(np.cos(angle)), np.float32(np.sin(angle))
    for row in range(_SAMPLED):
        y = np.float32(((_SAMPLED - 1) / 2 - row) * SPACING)
        for column in range(_SAMPLED):
            x = np.float32((column - (_SAMPLED - 1) / 2) * SPACING)
            u, v = cos * x + sin * y, cos * y - sin * x
            if mirrored:
                v = -v
            left, top = middle + u, middle - v
            if left < 0 or top < 0 or left >= side - 1 or top >= side - 1:
                sampled[row, column] = 0
                continue
            i, j = int(top), int(left)
            down, right = top - i, left - j
            upper = image[i, j] * (1 - right) + image[i, j + 1] * right
            lower = image[i + 1, j] * (1 - right) + image[i + 1, j + 1] * right
            sampled[row, column] = upper * (1 - down) + lower * down


@numba.njit(fastmath=True, cache=True)
@no_type_check
def _differentiate(sampled, gradient_x, gradient_y):
    """Apply the Sobel operators, whose results have one point less on each side."""
    for i in range(GRID + 2):
        for j in range(GRID + 2):
            gradient_x[i, j] = (
                sampled[i, j + 2] - sampled[i, j]
                + 2 * (sampled[i + 1, j + 2] - sampled[i + 1, j])
                + sampled[i + 2, j + 2] - sampled[i + 2, j]
            )  # fmt: skip
            gradient_y[i, j] = (
                sampled[i + 2, j] - sampled[i, j]
                + 2 * (sampled[i + 2, j + 1] - sampled[i, j + 1])
                + sampled[i + 2, j + 2] - sampled[i, j + 2]
            )  # fmt: skip


@numba.njit(fastmath=True, cache=True)
@no_type_check
def _compare(query_x, query_y, point_x, point_y, best, squares, column_sums):
    """Sum the least squared difference of 3 x 3 patches over the nine displacements.

    `squares` has a border of zeros: patches at the edge of the grid are compared within it.
    """
    best[:] = LARGEST
    for down in range(3):
        for right in range(3):
            for i in range(GRID):
                for j in range(GRID):
                    x = query_x[i + 1, j + 1] - point_x[i + down, j + right]
                    y = query_y[i + 1, j + 1] - point_y[i + down, j + right]
                    squares[i + 1, j + 1] = x * x + y * y
            for i in range(GRID):
                for j in range(GRID + 2):
                    column_sums[j] = squares[i, j] + squares[i + 1, j] + squares[i + 2, j]
                for j in range(GRID):
                    best[i, j] = min(best[i, j], column_sums[j] + column_sums[j + 1] + column_sums[j + 2])
    total = np.float32(0)
    for i in range(GRID):
        for j in range(GRID):
            total += best[i, j]
    return total
