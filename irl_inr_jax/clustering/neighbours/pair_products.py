"""The largest product of two polar images over all rotations, for chosen pairs, compiled by numba.

With the angular spectra F_q and F_p of query and candidate, the product with the candidate rotated by j steps is

    sum_f Re(F_q conj(F_p) exp(2 pi i f j / T)) = sum_f E_f cos(2 pi f j / T) - O_f sin(2 pi f j / T).

Rotations by j and -j share both sums, so half of the rotations are computed. The spectrum of the mirror image is the
complex conjugate. On a CPU this takes a quarter of the time of an XLA program for the same pairs.
"""

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float32, Int32

LANES = 8  # frequencies are padded to a multiple, so that the loops over them are vectorised without a remainder
LARGEST = np.finfo(np.float32).max  # in place of infinity, which is undefined with numba's fastmath


def rotation_tables(num_angles: int) -> tuple[Float32[np.ndarray, "f h"], Float32[np.ndarray, "f h"]]:
    """Return cosine and sine of 2 pi f j / T for frequencies f and rotations j up to T / 2; 0 in the padding."""
    half = num_angles // 2 + 1
    angles = 2 * np.pi * np.outer(np.arange(half), np.arange(half)) / num_angles
    padding = ((0, -half % LANES), (0, -half % LANES))
    cosines, sines = (np.pad(wave(angles), padding).astype(np.float32) for wave in (np.cos, np.sin))
    return cosines, sines


@numba.njit(parallel=True, fastmath=True, cache=True)
@no_type_check
def rotation_products(
    queries: Float32[np.ndarray, "m 2 r f"],
    points: Float32[np.ndarray, "n 2 r f"],
    candidates: Int32[np.ndarray, "m k"],
    cosines: Float32[np.ndarray, "f h"],
    sines: Float32[np.ndarray, "f h"],
    num_angles: int,
    mirror: bool,
) -> tuple[Float32[np.ndarray, "m k"], Int32[np.ndarray, "m k"], Int32[np.ndarray, "m k"]]:
    """Compare each query with its candidates over all rotations and, with `mirror`, those of their mirror images.

    queries, points: real and imaginary parts of the angular spectra. Returns the largest product, the steps by which
    the candidate is rotated for it, counter-clockwise, and 1 where the candidate is mirrored top to bottom first, else
    0.
    """
    num_queries, num_candidates = candidates.shape
    num_circles, num_frequencies = queries.shape[2], queries.shape[3]
    half = num_angles // 2 + 1
    products = np.empty((num_queries, num_candidates), np.float32)
    steps = np.empty((num_queries, num_candidates), np.int32)
    mirrored = np.zeros((num_queries, num_candidates), np.int32)
    for number in numba.prange(num_queries):
        query = queries[number]
        even, odd = np.empty(num_frequencies, np.float32), np.empty(num_frequencies, np.float32)
        cosine_sum, sine_sum = np.empty(num_frequencies, np.float32), np.empty(num_frequencies, np.float32)
        for column in range(num_candidates):
            point = points[candidates[number, column]]
            best, best_step, best_mirror = -LARGEST, 0, 0
            for flip in range(2 if mirror else 1):
                sign = np.float32(1 - 2 * flip)
                for f in range(num_frequencies):
                    even[f] = odd[f] = cosine_sum[f] = sine_sum[f] = 0
                for circle in range(num_circles):
                    for f in range(num_frequencies):
                        real, imaginary = point[0, circle, f], sign * point[1, circle, f]
                        even[f] += query[0, circle, f] * real + query[1, circle, f] * imaginary
                        odd[f] += query[1, circle, f] * real - query[0, circle, f] * imaginary
                for f in range(half):
                    for j in range(num_frequencies):
                        cosine_sum[j] += cosines[f, j] * even[f]
                        sine_sum[j] += sines[f, j] * odd[f]
                for j in range(half):
                    value = cosine_sum[j] + abs(sine_sum[j])
                    if value > best:
                        best, best_mirror = value, flip
                        best_step = -j if sine_sum[j] > 0 else j
            products[number, column] = best
            steps[number, column] = best_step
            mirrored[number, column] = best_mirror
    return products, steps, mirrored
