"""Peak rate of the machine: a large matrix product, timed alongside the benchmarks."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

SIDES = {"cpu": 2048}
ACCELERATOR_SIDE = 8192


REPEATS = 8


def make_peak(dtype: str) -> Callable[[], float]:
    """Return a function that times products of random square matrices and returns floating-point operations per second.

    A product of n x n matrices counts 2 n^3. Products are queued together, so that the device never waits, and operands
    are random, since GPUs multiply constant ones faster. On a GPU, float32 runs in TF32 by default, as in training.
    """
    side = SIDES.get(jax.default_backend(), ACCELERATOR_SIDE)
    left, right = (jax.random.normal(jax.random.key(i), (side, side), dtype) for i in range(2))
    multiply = jax.jit(jnp.matmul)
    jax.block_until_ready(multiply(left, right))

    def measure() -> float:
        started = time.perf_counter()
        jax.block_until_ready([multiply(left, right) for _ in range(REPEATS)])
        return REPEATS * 2 * side**3 / (time.perf_counter() - started)

    return measure
