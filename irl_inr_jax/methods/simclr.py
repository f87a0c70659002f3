"""SimCLR (Chen, Kornblith, Norouzi, Hinton, ICML 2020), the pretext task of SCAN (paper, Appendix C and Table 6).

Two independently augmented views of every image must be distinguished from the views of all other images of the batch.
z becomes invariant to what the augmentation changes: rotation and translation with r and t. There is neither pose nor
decoder.
"""

import dataclasses
from functools import partial
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.augment.augmentation import Augment, make_augment
from irl_inr_jax.augment.views import example_keys
from irl_inr_jax.methods import losses
from irl_inr_jax.methods.pairs import gather_pairs
from irl_inr_jax.models.encoder import Encoder, make_encoder
from irl_inr_jax.models.initial_weights import choose_initial_weights
from irl_inr_jax.models.mlp import MLP
from irl_inr_jax.types import AxisName, Batch, Method, PyTree


@dataclasses.dataclass(frozen=True)
class Parts:
    """The networks f and g of the paper's section 2.1, and the settings of views and loss.

    projection: g, used by the loss only. axis_name: the mapped axis over which the views of all devices are gathered;
    None outside a mapped function.
    """

    encoder: Encoder
    projection: MLP
    augment: Augment
    temperature: float
    axis_name: AxisName


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make SimCLR from `config.simclr`, with the strengths of `config.augment`."""
    settings = config.simclr
    parts = Parts(
        encoder=make_encoder(config, num_outputs=config.model.latent_dim, axis_name=axis_name, activation=jax.nn.relu),
        projection=MLP(tuple(settings.projection_widths), activation=nn.relu, dtype=jnp.dtype(config.model.dtype)),
        augment=make_augment(settings.augment, config.augment, fill=config.views.fill, low=low),
        temperature=settings.temperature,
        axis_name=axis_name,
    )
    return Method(
        name="simclr",
        init=choose_initial_weights(partial(init, parts), config.model.initial_weights),
        loss=partial(loss, parts),
        encode=partial(encode, parts),
        reconstruct=None,
        encode_in_training=partial(encode_in_training, parts),
    )


def init(parts: Parts, key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, PyTree]:
    """Return the parameters of f and g, and the batch norm statistics."""
    encoder_key, projection_key = jax.random.split(key)
    latents, variables = parts.encoder.init_with_output(encoder_key, images[:2], train=False)
    projection = parts.projection.init(projection_key, latents)["params"]
    params = {"encoder": variables["params"], "projection": projection}
    return params, {"batch_stats": variables.get("batch_stats", {})}


def loss(parts: Parts, params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """Compute NT-Xent of this device's views against those of the global batch, metrics and the new model state.

    alignment: mean cosine of the two views of an image. top1: share of the views whose nearest view is that of the same
    image.
    """
    # One call, so that batch norm takes its statistics over both views together.
    latents, batch_stats = encode_in_training(parts, params, model_state, make_views(parts, key, batch))
    projections = cast(jax.Array, parts.projection.apply({"params": params["projection"]}, latents)).astype(jnp.float32)
    pairs = gather_pairs(projections, parts.axis_name)
    similarities = losses.cosine_similarities(projections, pairs.candidates)

    contrastive = losses.contrastive_loss(similarities, pairs.is_self, pairs.is_positive, parts.temperature)
    nearest = jnp.where(pairs.is_self, -jnp.inf, similarities).argmax(axis=1, keepdims=True)
    metrics = {
        "loss": contrastive,
        "contrastive": contrastive,
        "alignment": jnp.mean(similarities, where=pairs.is_positive),
        "top1": jnp.mean(jnp.take_along_axis(pairs.is_positive, nearest, axis=1).astype(jnp.float32)),
    }
    return contrastive, (metrics, {**model_state, "batch_stats": batch_stats})


def encode(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
) -> tuple[Float[Array, "b d"], None]:
    """Compute z = f(J), before the projection; no pose."""
    variables = {"params": params["encoder"], "batch_stats": model_state["batch_stats"]}
    return cast(jax.Array, parts.encoder.apply(variables, images, train=False)), None


def encode_in_training(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
) -> tuple[Float[Array, "b d"], PyTree]:
    """Compute z with batch norm by the statistics of these images; return it and the updated running averages."""
    variables = {"params": params["encoder"], "batch_stats": model_state["batch_stats"]}
    latents, updated = parts.encoder.apply(variables, images, train=True, mutable=["batch_stats"])
    return latents, updated.get("batch_stats", {})


def make_views(parts: Parts, key: jax.Array, batch: Batch) -> Float[Array, "b2 h w c"]:
    """Make two augmented views of every image, all first views first."""
    view_keys = jax.random.split(key)
    return jnp.concatenate([parts.augment(example_keys(k, batch.positions), batch.images) for k in view_keys])
