"""Small images, batches and compiled functions that the tests of all methods use."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.config.storage import flatten
from irl_inr_jax.methods import METHODS
from irl_inr_jax.types import Batch, Method

SIDE = 8


class Compiled(NamedTuple):
    """A method and its jitted functions; `step` returns the loss with its gradient."""

    method: Method
    init: Callable
    step: Callable
    encode: Callable
    reconstruct: Callable | None


@pytest.fixture(scope="module")
def compile_method():
    """compile_method(config, num_channels=1, low=0.0) -> Compiled, once per configuration and test module."""
    made = {}

    def compile_method(config, *, num_channels=1, low=0.0):
        key = (repr(sorted(flatten(config).items())), num_channels, low)
        if key not in made:
            method = METHODS[config.method](config, num_channels=num_channels, low=low, axis_name=None)
            made[key] = Compiled(
                method=method,
                init=jax.jit(method.init),
                step=jax.jit(jax.value_and_grad(method.loss, has_aux=True)),
                encode=jax.jit(method.encode),
                reconstruct=None if method.reconstruct is None else jax.jit(method.reconstruct),
            )
        return made[key]

    return compile_method


@pytest.fixture(scope="session")
def make_images():
    """make_images(num_channels=1, low=0.0) -> six images: four of noise, a blank one and a constant one."""

    def make_images(num_channels=1, low=0.0):
        noise = np.random.default_rng(0).uniform(size=(4, SIDE, SIDE, num_channels)) ** 3
        blank, constant = np.zeros_like(noise[:1]), np.full_like(noise[:1], 0.6)
        return jnp.asarray(np.concatenate([low + (1 - low) * noise, blank, constant]), jnp.float32)

    return make_images


@pytest.fixture(scope="session")
def make_batch():
    """make_batch(images, positions=None) -> the batch of these images after a quarter of the run."""

    def make_batch(images, positions=None):
        positions = jnp.arange(len(images)) if positions is None else jnp.asarray(positions)
        return Batch(images=images, positions=positions, progress=jnp.float32(0.25), neighbours=None)

    return make_batch
