"""What the machine can do at most: the rate of a large product of matrices, timed where everything else is."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

SIDES = {"cpu": 2048}
ACCELERATOR_SIDE = 8192


def make_peak(dtype: str) -> Callable[[], float]:
    """A function that times one product of square matrices of `dtype` and returns floating-point operations a second.

    A product of n x n matrices counts 2 n^3. On a GPU, float32 runs in TF32 unless JAX is told otherwise, here as in
    training.
    """
    side = SIDES.get(jax.default_backend(), ACCELERATOR_SIDE)
    matrix = jnp.ones((side, side), dtype)
    multiply = jax.jit(jnp.matmul)
    jax.block_until_ready(multiply(matrix, matrix))
    repeats = 4

    def measure() -> float:
        best = 0.0
        for _ in range(repeats):
            started = time.perf_counter()
            jax.block_until_ready(multiply(matrix, matrix))
            best = max(best, 2 * side**3 / (time.perf_counter() - started))
        return best

    return measure
