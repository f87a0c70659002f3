"""Synthetic latents of many images: clusters on a curved surface of few dimensions, as those of an encoder."""

import numpy as np
from jaxtyping import Float32

NUM_CLUSTERS = 100
INTRINSIC_DIM = 12  # of the surface
NOISE = 0.1
_ROWS = 50_000


def make_latents(
    num_points: int, dim: int, *, num_clusters: int = NUM_CLUSTERS, seed: int = 0
) -> Float32[np.ndarray, "n d"]:
    """Return points in Gaussian clusters on a surface of `INTRINSIC_DIM` dimensions, with isotropic noise."""
    rng = np.random.default_rng(seed)
    centres = 1.5 * rng.standard_normal((num_clusters, INTRINSIC_DIM))
    bends = rng.standard_normal((INTRINSIC_DIM, 2 * INTRINSIC_DIM)) / np.sqrt(INTRINSIC_DIM)
    axes = rng.standard_normal((3 * INTRINSIC_DIM, dim)) / np.sqrt(2 * INTRINSIC_DIM)
    points = np.empty((num_points, dim), np.float32)
    for first in range(0, num_points, _ROWS):
        count = min(_ROWS, num_points - first)
        inner = centres[rng.integers(num_clusters, size=count)] + rng.standard_normal((count, INTRINSIC_DIM))
        curved = np.concatenate([inner, np.tanh(2 * inner @ bends)], axis=1)
        points[first : first + count] = curved @ axes + NOISE * rng.standard_normal((count, dim))
    return points
