"""Classify images by an encoder that a clusterer trained further: the rule for images that were not clustered."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Shaped

from irl_inr_jax.clustering.objectives import soft_assignment
from irl_inr_jax.clustering.tuned_encoder import split_statistics
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import PyTree


def standardised_params(params: PyTree, frozen: PyTree) -> PyTree:
    """Return trained parameters with the mean and the deviation of the latents, from which images can be classified.

    Trained statistics of batch norm are among the parameters.
    """
    return jax.tree.map(np.asarray, {**params, "mean": frozen["mean"], "deviation": frozen["deviation"]})


def classify_by_heads(
    params: PyTree, images: Shaped[np.ndarray, "n h w c"] | LazyImages, trained: TrainedMethod
) -> Float32[np.ndarray, "n k"]:
    """Return the probabilities of the clusters for stored images, from the `params` of SCAN or IIC."""
    kernel, bias = params["heads"]["kernel"][0], params["heads"]["bias"][0]
    return np.asarray(jax.nn.softmax(jnp.asarray(encode_standardised(params, images, trained) @ kernel + bias)))


def encode_standardised(
    params: PyTree, images: Shaped[np.ndarray, "n h w c"] | LazyImages, trained: TrainedMethod
) -> Float32[np.ndarray, "n d"]:
    """Return the standardised latents of stored images by the further trained encoder in `params`."""
    model_state = {**trained.model_state, **split_statistics(params)[1]}
    all_params = {**trained.params, "encoder": params["encoder"]}
    tuned = dataclasses.replace(trained, params=all_params, model_state=model_state)
    return (tuned.encode(images)[0] - params["mean"]) / params["deviation"]


def classify_by_means(
    params: PyTree, images: Shaped[np.ndarray, "n h w c"] | LazyImages, trained: TrainedMethod
) -> Float32[np.ndarray, "n k"]:
    """Return q of each cluster for stored images, from the `params` of an earlier clustering."""
    latents = jnp.asarray(encode_standardised(params, images, trained))
    return np.asarray(soft_assignment(latents, jnp.asarray(params["means"]), float(params["alpha"])))
