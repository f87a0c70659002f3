"""Networks on polar images, which are equivariant or invariant to rotations of the image.

On a polar image about a centre, a rotation is a circular shift along the angle. Circular convolutions along the angle,
with all radii as channels, commute with the shifts by multiples of their total stride; mean and maximum over the angle
are invariant to them. Rotations in between are seen by random rotations in training.
"""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.models.conv import product


class CircularConv(nn.Module):
    """Circular convolution along the angle as one matrix product of all windows; window j is centred on j * stride.

    The number of angles must be a multiple of the stride, so that shifts of the input shift the output.
    """

    features: int
    kernel_size: int
    stride: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b t m"]) -> Float[Array, "b t2 f"]:
        shape = (self.kernel_size * x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,)).astype(self.dtype)
        windows = circular_windows(x.astype(self.dtype), size=self.kernel_size, stride=self.stride)
        return product(windows, kernel) + bias


class PolarTrunk(nn.Module):
    """Layers of circular convolution, LayerNorm without parameters, and GELU, on polar images.

    widths: features of each layer. kernel_sizes: angles in a window of each layer, odd. strides: of each layer. The
    number of angles t of the input is a multiple of their product, `total_stride`, and t2 = t / total_stride. m counts
    all radii and channels.
    """

    widths: Sequence[int]
    kernel_sizes: Sequence[int]
    strides: Sequence[int]
    dtype: jnp.dtype

    @property
    def total_stride(self) -> int:
        """Return the angles of the input for one of the output: shifts by multiples of it are equivariant."""
        return math.prod(self.strides)

    @nn.compact
    def __call__(self, polar: Float[Array, "b t m"]) -> Float[Array, "b t2 f"]:
        x = polar
        for layer in zip(self.widths, self.kernel_sizes, self.strides, strict=True):
            x = _normalise_gelu(CircularConv(*layer, dtype=self.dtype)(x))
        return x


class InvariantHead(nn.Module):
    """Mean and maximum over the angle, a dense layer of `hidden` with LayerNorm and GELU, and a linear layer.

    Invariant to circular shifts of the features, thus to those of the polar image by multiples of the trunk's total
    stride. The output is float32.
    """

    hidden: int
    num_outputs: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, features: Float[Array, "b t f"]) -> Float[Array, "b o"]:
        pooled = jnp.concatenate([features.mean(1), features.max(1)], axis=-1)
        x = nn.Dense(self.hidden, dtype=self.dtype, kernel_init=nn.initializers.he_normal())(pooled)
        x = nn.Dense(self.num_outputs, dtype=self.dtype, kernel_init=nn.initializers.he_normal())(_normalise_gelu(x))
        return x.astype(jnp.float32)


class PolarClassifier(nn.Module):
    """Logits of clusters that are invariant to rotations: a trunk, a head and a linear layer.

    head_widths: hidden and output features of the head.
    """

    trunk: PolarTrunk
    head_widths: tuple[int, int]
    num_clusters: int

    @nn.compact
    def __call__(self, polar: Float[Array, "b t m"]) -> Float[Array, "b k"]:
        hidden, num_features = self.head_widths
        features = InvariantHead(hidden, num_features, self.trunk.dtype)(self.trunk(polar))
        return nn.Dense(self.num_clusters)(features)


def make_polar_trunk(widths: Sequence[int], *, dtype: jnp.dtype) -> PolarTrunk:
    """Return a trunk with windows of 9 angles in the first layer, 5 in all others, and stride 2 in the first two."""
    later = len(widths) - 1
    return PolarTrunk(tuple(widths), (9, *(5,) * later), (2, 2, *(1,) * (later - 1))[: later + 1], dtype)


def circular_windows(x: Float[Array, "b t m"], *, size: int, stride: int) -> Float[Array, "b t2 w"]:
    """Gather the `size` angles about every `stride`-th angle, continued around the circle; w = size * m."""
    num_angles, half = x.shape[1], size // 2
    laps = -(-half // num_angles)  # a window may be longer than the circle
    padded = jnp.concatenate([x] * (2 * laps + 1), axis=1)[:, laps * num_angles - half :][:, : num_angles + size - 1]
    return jnp.concatenate([padded[:, tap : tap + num_angles : stride] for tap in range(size)], axis=-1)


def _normalise_gelu(x: Float[Array, "*b f"]) -> Float[Array, "*b f"]:
    """Apply LayerNorm without scale and bias, with statistics in float32, and GELU."""
    centred = x.astype(jnp.float32)
    centred = centred - centred.mean(-1, keepdims=True)
    deviation = jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return jax.nn.gelu((centred / deviation).astype(x.dtype))
