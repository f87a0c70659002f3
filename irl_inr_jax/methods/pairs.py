"""Positive and negative pairs of a contrastive loss over the images of all devices, and that of neighbours."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from irl_inr_jax.methods import losses
from irl_inr_jax.types import AxisName


class ContrastivePairs(NamedTuple):
    """The m vectors of this device, the anchors, each paired with the n candidates of all devices.

    is_self, is_positive: one entry per row, the anchor itself and its positive; all other candidates are negatives.
    """

    candidates: Float[Array, "n p"]
    is_self: Bool[Array, "m n"]
    is_positive: Bool[Array, "m n"]


def gather_pairs(vectors: Float[Array, "m p"], axis_name: AxisName) -> ContrastivePairs:
    """Pair the m vectors of this device with the n of all devices; rows i and i + m / 2 are positives of each other.

    axis_name: the mapped axis over which vectors are gathered; None outside a mapped function. The gradient also flows
    into the vectors of other devices. The gradient on each device is therefore that of the sum over devices, and the
    train step's mean over devices is the gradient of the loss of the global batch.
    """
    candidates, first = vectors, 0
    if axis_name is not None:
        candidates = jax.lax.all_gather(vectors, axis_name, tiled=True)
        first = len(vectors) * jax.lax.axis_index(axis_name)
    columns, rows = jnp.arange(len(candidates)), jnp.arange(len(vectors))
    partners = jnp.roll(rows, len(rows) // 2)
    return ContrastivePairs(
        candidates=candidates,
        is_self=columns == (first + rows)[:, None],
        is_positive=columns == (first + partners)[:, None],
    )


def neighbour_loss(latents: Float[Array, "b2 d"], scale: float, axis_name: AxisName) -> Float[Array, ""]:
    """Compute the cross-entropy of z finding its neighbour among z of all images and neighbours of the global batch.

    latents: of b images, then of one neighbour of each. scale: factor of z. The loss separates classes by distances of
    tens; with a scale of 1 the entries of z become as large, far from those near 1 for which the hypernetwork is
    initialised, and the reconstructions are lost at high learning rates.
    """
    scaled = scale * latents
    pairs = gather_pairs(scaled, axis_name)
    similarities = losses.cauchy_similarities(scaled, pairs.candidates)
    return losses.contrastive_loss(similarities, pairs.is_self, pairs.is_positive, 1.0)
