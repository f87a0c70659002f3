"""E_phi: images to a vector that the method splits into latents and pose (paper, section 3.2 and Appendix A)."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.models.mlp import MLP
from irl_inr_jax.models.resnet import ResNet
from irl_inr_jax.types import AxisName


class Encoder(nn.Module):
    """A trunk and a dense head.

    trunk: 'resnet18' (with `stage_sizes`, `width`, `stem`, `padding`) or 'mlp' on flattened pixels. head_widths: hidden
    layers before the output; all hidden layers of an 'mlp'. num_outputs: latents and pose together. convolutions,
    remat: see `ResNet`. activation: of the head.
    """

    trunk: str
    stage_sizes: Sequence[int]
    width: int
    stem: str
    padding: str
    head_widths: Sequence[int]
    num_outputs: int
    axis_name: AxisName
    dtype: jnp.dtype
    convolutions: str
    remat: bool
    activation: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, images: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b o"]:
        if self.trunk == "resnet18":
            x = ResNet(
                stage_sizes=self.stage_sizes,
                width=self.width,
                stem=self.stem,
                padding=self.padding,
                train=train,
                axis_name=self.axis_name,
                dtype=self.dtype,
                convolutions=self.convolutions,
                remat=self.remat,
            )(images)
        else:
            x = images.reshape(images.shape[0], -1)
        head = MLP((*self.head_widths, self.num_outputs), activation=self.activation, dtype=self.dtype)
        return head(x).astype(jnp.float32)


def make_encoder(
    config: ConfigDict, *, num_outputs: int, axis_name: AxisName, activation: Callable[[jax.Array], jax.Array]
) -> Encoder:
    """Return the encoder of `config.model`. axis_name: the mapped axis of the train step, or None outside one."""
    encoder, speed = config.model.encoder, choose_speed(config)
    return Encoder(
        trunk=encoder.trunk,
        stage_sizes=tuple(encoder.stage_sizes),
        width=encoder.width,
        stem=encoder.stem,
        padding=encoder.padding,
        head_widths=tuple(encoder.head_widths),
        num_outputs=num_outputs,
        axis_name=axis_name,
        dtype=jnp.dtype(config.model.dtype),
        convolutions=speed.convolutions,
        remat=speed.remat == "all",
        activation=activation,
    )
