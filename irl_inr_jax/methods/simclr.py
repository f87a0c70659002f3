"""SimCLR (Chen, Kornblith, Norouzi, Hinton, ICML 2020), the pretext task of SCAN (paper, Appendix C and Table 6).

Two views of every image, each augmented anew, must be told apart from the views of all other images of the batch. What
z is blind to is what the augmentation changes: turns and shifts with r and t. There is neither pose nor decoder.
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from ml_collections import ConfigDict

from irl_inr_jax.augment.augmentation import Augment, make_augment
from irl_inr_jax.augment.views import example_keys
from irl_inr_jax.methods import losses
from irl_inr_jax.models.encoder import Encoder, make_encoder
from irl_inr_jax.models.mlp import MLP
from irl_inr_jax.types import AxisName, Batch, Method, PyTree


@dataclasses.dataclass(frozen=True)
class Parts:
    """The networks f and g of the paper's section 2.1, and how views are made and compared.

    projection: g, which the loss sees through and which is then dropped. axis_name: the mapped axis over which the
    views of all devices are gathered; None outside a mapped function.
    """

    encoder: Encoder
    projection: MLP
    augment: Augment
    temperature: float
    axis_name: str | None


class Comparisons(NamedTuple):
    """The views of this device, the anchors, against all views of the global batch.

    similarities: cosines. is_self, is_positive: the one entry a row of the view itself and of the image's other view.
    """

    similarities: Float[Array, "m n"]
    is_self: Bool[Array, "m n"]
    is_positive: Bool[Array, "m n"]


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """SimCLR as `config.simclr` has it, with the strengths of `config.augment`.

    low: the least value of a pixel, 0 or -1.
    axis_name: the mapped axis of the train step; None outside a mapped function.
    """
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
        init=partial(init, parts),
        loss=partial(loss, parts),
        encode=partial(encode, parts),
        reconstruct=None,
    )


def init(parts: Parts, key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, PyTree]:
    """Parameters of f and g, and the statistics of batch norm."""
    encoder_key, projection_key = jax.random.split(key)
    latents, variables = parts.encoder.init_with_output(encoder_key, images[:2], train=False)
    projection = parts.projection.init(projection_key, latents)["params"]
    params = {"encoder": variables["params"], "projection": projection}
    return params, {"batch_stats": variables.get("batch_stats", {})}


def loss(parts: Parts, params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """NT-Xent of this device's views against those of the global batch, with metrics and the new model state.

    alignment: mean cosine of the two views of an image. top1: share of the views to which no other is nearer than that
    of the same image.
    """
    views = make_views(parts, key, batch)
    variables = {"params": params["encoder"], "batch_stats": model_state["batch_stats"]}
    # One call, so that batch norm takes its statistics over both views and cannot tell them apart.
    latents, updated = parts.encoder.apply(variables, views, train=True, mutable=["batch_stats"])
    projections = parts.projection.apply({"params": params["projection"]}, latents).astype(jnp.float32)
    compared = compare_views(projections, parts.axis_name)

    contrastive = losses.contrastive_loss(*compared, parts.temperature)
    nearest = jnp.where(compared.is_self, -jnp.inf, compared.similarities).argmax(axis=1, keepdims=True)
    metrics = {
        "loss": contrastive,
        "contrastive": contrastive,
        "alignment": jnp.mean(compared.similarities, where=compared.is_positive),
        "top1": jnp.mean(jnp.take_along_axis(compared.is_positive, nearest, axis=1).astype(jnp.float32)),
    }
    return contrastive, (metrics, {**model_state, "batch_stats": updated.get("batch_stats", {})})


def encode(
    parts: Parts, params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
) -> tuple[Float[Array, "b d"], None]:
    """z = f(J), before the projection; no pose."""
    variables = {"params": params["encoder"], "batch_stats": model_state["batch_stats"]}
    return parts.encoder.apply(variables, images, train=False), None


def make_views(parts: Parts, key: jax.Array, batch: Batch) -> Float[Array, "b2 h w c"]:
    """Two augmented views of every image, first all first ones."""
    view_keys = jax.random.split(key)
    return jnp.concatenate([parts.augment(example_keys(k, batch.positions), batch.images) for k in view_keys])


def compare_views(projections: Float[Array, "m p"], axis_name: str | None) -> Comparisons:
    """The m views of this device, as `make_views` orders them, against the n of all devices.

    The gradient flows into the others' projections too. Each device's is that of the sum over devices then, so that
    the train step's mean over devices is the gradient of the loss of the global batch.
    """
    everyones, first = projections, 0
    if axis_name is not None:
        everyones = jax.lax.all_gather(projections, axis_name, tiled=True)
        first = len(projections) * jax.lax.axis_index(axis_name)
    columns, rows = jnp.arange(len(everyones)), jnp.arange(len(projections))
    partners = jnp.roll(rows, len(rows) // 2)
    return Comparisons(
        similarities=losses.cosine_similarities(projections, everyones),
        is_self=columns == (first + rows)[:, None],
        is_positive=columns == (first + partners)[:, None],
    )
