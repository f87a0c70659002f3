"""Tasks for the clusterers, with a linear encoder whose latents are the pixels."""

import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.clustering.task import ClusterTask, Points
from irl_inr_jax.config import base
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Method, Scaling


def unused(*arguments):
    raise AssertionError("clustering neither initialises nor trains a method")


def encode(params, model_state, images):
    """A linear map of the pixels; `params` must also contain the other networks."""
    assert "generator" in params
    return images.reshape(len(images), -1) @ params["encoder"]["kernel"], None


def points_of(latents):
    """Points whose images are their latents, (n, 1, d, 1)."""
    return Points(latents, latents[:, None, :, None])


@pytest.fixture
def make_task():
    """make_task(latents, k, assigned=..., seed=..., settings={'dbscan.eps': 1.0})."""

    def make(latents, num_clusters, *, assigned=None, seed=0, settings=None):
        latents = np.asarray(latents)
        config = base.get_config()
        for key, value in (settings or {}).items():
            block = "" if key.split(".")[0] in ("augment", "orbits", "wafers") else "clustering."
            config.update_from_flattened_dict({f"{block}{key}": value})
        params = {"encoder": {"kernel": jnp.eye(latents.shape[1])}, "generator": jnp.ones(3)}
        method = Method("pixels", unused, unused, encode, None)
        fitted = points_of(latents)
        return ClusterTask(
            fitted=fitted,
            assigned=fitted if assigned is None else points_of(np.asarray(assigned)),
            num_clusters=num_clusters,
            seed=seed,
            trained=TrainedMethod(method, params, {}, scaling=Scaling(1.0, 0.0, 0.0, ""), batch_size=64),
            settings=config.clustering,
            augment=config.augment,
            orbits=config.orbits,
            wafers=config.wafers,
            fill=0.0,
            steps_per_call=3,
        )

    return make
