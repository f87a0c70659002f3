"""Decoder from latents to pixels, the mirror of the encoder, for the autoencoder baselines (paper, section 4.5)."""

import math
from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.models.mlp import Initializer
from irl_inr_jax.models.resnet import STEMS

# A tenth of the deviation of LeCun's initialiser, so that the first image is close to the mean pixel.
_LAST_KERNEL = nn.initializers.variance_scaling(0.01, "fan_in", "normal")


class MirrorBlock(nn.Module):
    """`BasicBlock` in reverse: conv-norm-relu-upsample-conv-norm plus the input, projected where the shape changes.

    Group norm with one group, because batch norm would need running statistics, for which a `Generator` has no state.
    """

    features: int
    factor: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 f"]:
        conv = partial(nn.Conv, use_bias=False, dtype=self.dtype, kernel_init=nn.initializers.he_normal())
        norm = partial(nn.GroupNorm, num_groups=1, dtype=self.dtype)
        y = nn.relu(norm()(conv(x.shape[-1], (3, 3))(x)))
        y = norm()(conv(self.features, (3, 3))(upsample(y, self.factor)))
        if x.shape[-1] != self.features:
            x = norm()(conv(self.features, (1, 1))(x))
        return nn.relu(upsample(x, self.factor) + y)


class Decoder(nn.Module):
    """Dense layers, followed for the trunk 'resnet18' by stages that double the map and halve the features.

    Fields are those of the mirrored `Encoder`. channels: 1 grey, 3 RGB. bias_init: of the parameter 'bias' (h, w, c),
    which is added to the output and records the size of the images.
    """

    trunk: str
    stage_sizes: Sequence[int]
    width: int
    stem: str
    head_widths: Sequence[int]
    channels: int
    dtype: jnp.dtype
    bias_init: Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, latents: Float[Array, "b d"], *, size: tuple[int, int]) -> Float[Array, "b h w c"]:
        """Compute the logits of the pixels of images of `size` (h, w)."""
        dense = partial(nn.Dense, dtype=self.dtype, kernel_init=nn.initializers.he_normal())
        shape = (*size, self.channels)
        x = latents
        for width in reversed(self.head_widths):
            x = nn.relu(dense(width)(x))
        if self.trunk == "resnet18":
            x = self.grow_map(x, size)
            x = nn.Conv(self.channels, (3, 3), use_bias=False, dtype=self.dtype, kernel_init=_LAST_KERNEL)(x)
            x = crop_middle(x, size)
        else:
            x = dense(math.prod(shape), use_bias=False, kernel_init=_LAST_KERNEL)(x).reshape(-1, *shape)
        return x.astype(jnp.float32) + self.param("bias", self.bias_init, shape)

    def grow_map(self, x: Float[Array, "b i"], size: tuple[int, int]) -> Float[Array, "b h2 w2 f"]:
        """Undo the strides of the encoder: features of the stem's width on a map of at least `size`."""
        _, stem_stride, pool = STEMS[self.stem]
        stem_factor = stem_stride * (2 if pool else 1)
        factor = stem_factor * 2 ** (len(self.stage_sizes) - 1)
        features = self.width * 2 ** (len(self.stage_sizes) - 1)
        smallest = (*(math.ceil(side / factor) for side in size), features)
        x = nn.Dense(math.prod(smallest), dtype=self.dtype, kernel_init=nn.initializers.he_normal())(x)
        x = nn.relu(x).reshape(-1, *smallest)
        for stage, num_blocks in reversed(list(enumerate(self.stage_sizes))):
            for block in reversed(range(num_blocks)):
                widens = stage > 0 and block == 0
                x = MirrorBlock(
                    features=self.width * 2 ** (stage - 1 if widens else stage),
                    factor=2 if widens else 1,
                    dtype=self.dtype,
                )(x)
        return upsample(x, stem_factor)


def make_decoder(config: ConfigDict, *, num_channels: int) -> Decoder:
    """Return the mirror of `config.model.encoder`."""
    encoder = config.model.encoder
    return Decoder(
        trunk=encoder.trunk,
        stage_sizes=tuple(encoder.stage_sizes),
        width=encoder.width,
        stem=encoder.stem,
        head_widths=tuple(encoder.head_widths),
        channels=num_channels,
        dtype=jnp.dtype(config.model.dtype),
    )


def upsample(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b h2 w2 c"]:
    """Repeat every pixel `factor` times in both directions."""
    return jnp.repeat(jnp.repeat(x, factor, axis=1), factor, axis=2)


def crop_middle(x: Float[Array, "b h w c"], size: tuple[int, int]) -> Float[Array, "b h2 w2 c"]:
    """Return the middle of a map, of `size` (h, w)."""
    top, left = (x.shape[1] - size[0]) // 2, (x.shape[2] - size[1]) // 2
    return x[:, top : top + size[0], left : left + size[1]]
