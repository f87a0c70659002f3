"""Changes of an image's values, one image (h, w, c) in [0, 1] at a time, each a pure function of its strength.

The seven blends and remaps are those of RandAugment (Cubuk et al. 2020); a factor of 1 leaves the image as it is.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

NUM_LEVELS = 256
_SMOOTH = ((1.0, 1.0, 1.0), (1.0, 5.0, 1.0), (1.0, 1.0, 1.0))

Scalar = Float[Array, ""] | float


def _blend(base: Array, image: Array, factor: Scalar) -> Array:
    return jnp.clip(base + factor * (image - base), 0.0, 1.0)


def change_brightness(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Towards black for a factor below 1, away from it above."""
    return _blend(jnp.zeros_like(image), image, factor)


def change_contrast(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Towards the image's mean."""
    return _blend(image.mean(), image, factor)


def change_saturation(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Each pixel towards the mean of its channels; nothing happens to one channel."""
    return _blend(image.mean(axis=-1, keepdims=True), image, factor)


def change_sharpness(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Towards the image smoothed over 3 x 3 pixels."""
    height, width, _ = image.shape
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    smooth = sum(
        weight * padded[row : row + height, column : column + width]
        for row, weights in enumerate(_SMOOTH)
        for column, weight in enumerate(weights)
    )
    return _blend(smooth / sum(map(sum, _SMOOTH)), image, factor)


def turn_hue(image: Float[Array, "h w 3"], angle: Scalar) -> Float[Array, "h w 3"]:
    """Colours turned by `angle` radians about the grey axis (Rodrigues' formula)."""
    axis = jnp.full(3, 1 / math.sqrt(3))
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    along = (image * axis).sum(-1, keepdims=True) * axis * (1 - cos)
    return jnp.clip(image * cos + jnp.cross(axis, image) * sin + along, 0.0, 1.0)


def posterize(image: Float[Array, "h w c"], bits: Scalar) -> Float[Array, "h w c"]:
    """The leading `bits` (rounded down) of 8-bit values."""
    step = 2.0 ** (8 - jnp.floor(bits))
    return jnp.floor(image * (NUM_LEVELS - 1) / step) * step / (NUM_LEVELS - 1)


def solarize(image: Float[Array, "h w c"], threshold: Scalar) -> Float[Array, "h w c"]:
    """Values of at least `threshold` are inverted."""
    return jnp.where(image >= threshold, 1 - image, image)


def stretch_contrast(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Each channel's least value to 0 and its greatest to 1; a flat channel stays (AutoContrast)."""
    low, high = image.min((0, 1)), image.max((0, 1))
    flat = high - low < 1 / NUM_LEVELS
    return jnp.where(flat, image, (image - low) / jnp.where(flat, 1.0, high - low))


def equalize(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Each channel's values by the share of pixels below them, so that all become equally common; a flat one stays."""

    def one(channel: Int[Array, "n"]) -> Float[Array, "n"]:
        counts = jnp.zeros(NUM_LEVELS).at[channel].add(1.0)
        below = jnp.cumsum(counts) - counts
        rest = channel.size - counts[channel.max()]
        return jnp.where(rest > 0, below[channel] / jnp.where(rest > 0, rest, 1.0), channel / (NUM_LEVELS - 1))

    levels = jnp.round(image * (NUM_LEVELS - 1)).astype(jnp.int32).reshape(-1, image.shape[-1])
    return jnp.clip(jax.vmap(one, in_axes=1, out_axes=1)(levels), 0.0, 1.0).reshape(image.shape)


def blur(image: Float[Array, "h w c"], sigma: Scalar, *, radius: int) -> Float[Array, "h w c"]:
    """Gaussian blur of standard deviation `sigma` pixels, cut off at `radius`; sigma 0 leaves the image as it is."""
    offsets = jnp.arange(-radius, radius + 1, dtype=jnp.float32)
    weights = jnp.exp(-0.5 * (offsets / jnp.maximum(sigma, 1e-3)) ** 2)
    weights = weights / weights.sum()
    for axis in (0, 1):
        pad = [(radius, radius) if i == axis else (0, 0) for i in range(3)]
        padded = jnp.pad(image, pad, mode="edge")
        parts = [jax.lax.slice_in_dim(padded, i, i + image.shape[axis], axis=axis) for i in range(2 * radius + 1)]
        image = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    return image


def cut_out(
    image: Float[Array, "h w c"], centre: Float[Array, "2"], side: Scalar, *, fill: float
) -> Float[Array, "h w c"]:
    """`fill` in a square hole of `side` pixels about `centre` (row, column) (Cutout, DeVries & Taylor 2017)."""
    height, width, _ = image.shape
    rows = jnp.abs(jnp.arange(height) + 0.5 - centre[0]) <= side / 2
    columns = jnp.abs(jnp.arange(width) + 0.5 - centre[1]) <= side / 2
    return jnp.where((rows[:, None] & columns)[..., None], fill, image)
