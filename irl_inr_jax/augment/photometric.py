"""Photometric operations on one image (h, w, c) in [0, 1], each a pure function of its strength.

The eight from brightness to equalize are those of PIL and RandAugment (Cubuk et al. 2020), within one level of 8-bit
values; the operations that PIL defines on levels (posterize, equalize) round to levels first. A factor of 1 leaves the
image unchanged.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

NUM_LEVELS = 256
_LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in PIL's grey

Scalar = Float[Array, ""] | float


def _blend(base: Array, image: Array, factor: Scalar) -> Array:
    return jnp.clip(base + factor * (image - base), 0.0, 1.0)


def _to_grey(image: Float[Array, "h w c"]) -> Float[Array, "h w 1"]:
    """Convert to grey: by PIL's weights for three channels, by the mean for any other number."""
    weights = _LUMA if image.shape[-1] == 3 else (1 / image.shape[-1],) * image.shape[-1]
    return (image * jnp.array(weights)).sum(axis=-1, keepdims=True)


def _to_levels(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    return jnp.floor(image * (NUM_LEVELS - 1) + 0.5)


def change_brightness(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Blend with black: darker for a factor below 1, brighter above."""
    return _blend(jnp.zeros_like(image), image, factor)


def change_contrast(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Blend with the mean of the image's grey."""
    return _blend(_to_grey(image).mean(), image, factor)


def change_saturation(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Blend each pixel with its grey; the identity for a single channel."""
    return _blend(_to_grey(image), image, factor)


def change_sharpness(image: Float[Array, "h w c"], factor: Scalar) -> Float[Array, "h w c"]:
    """Blend with the image smoothed over 3 x 3 pixels, the middle weighted five times; border pixels are unchanged."""
    # Not a sum of shifted images: XLA on a CPU would recompute the preceding operations for every shift.
    box = jax.lax.reduce_window(image, 0.0, jax.lax.add, (3, 3, 1), (1, 1, 1), "valid")
    smooth_less_image = (box - 9 * image[1:-1, 1:-1]) / 13
    return _blend(image + jnp.pad(smooth_less_image, ((1, 1), (1, 1), (0, 0))), image, factor)


def shift_hue(image: Float[Array, "h w 3"], angle: Scalar) -> Float[Array, "h w 3"]:
    """Rotate colours by `angle` radians about the grey axis, from red to green (Rodrigues' formula)."""
    axis = jnp.full(3, 1 / math.sqrt(3))
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    along = (image * axis).sum(-1, keepdims=True) * axis * (1 - cos)
    return jnp.clip(image * cos + jnp.cross(axis, image) * sin + along, 0.0, 1.0)


def posterize(image: Float[Array, "h w c"], bits: Scalar) -> Float[Array, "h w c"]:
    """Keep the leading `bits` (rounded down) of 8-bit values."""
    step = 2.0 ** (8 - jnp.floor(bits))
    return jnp.floor(_to_levels(image) / step) * step / (NUM_LEVELS - 1)


def solarize(image: Float[Array, "h w c"], threshold: Scalar) -> Float[Array, "h w c"]:
    """Invert values of at least `threshold`."""
    return jnp.where(image >= threshold, 1 - image, image)


def stretch_contrast(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Stretch each channel to [0, 1]; a constant channel is unchanged (AutoContrast)."""
    low, high = image.min((0, 1)), image.max((0, 1))
    flat = high - low < 1 / NUM_LEVELS
    return jnp.where(flat, image, (image - low) / jnp.where(flat, 1.0, high - low))


def equalize(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Equalize the histogram of each channel: replace values by the number of pixels below them.

    As in PIL, counts are divided by an integer number of pixels per level: in small images many of the bright values
    become white, and a channel with fewer than 255 pixels below its greatest value is unchanged.
    """

    def one(levels: Int[Array, "n"], values: Float[Array, "n"]) -> Float[Array, "n"]:
        counts = jnp.bincount(levels, length=NUM_LEVELS).astype(jnp.float32)
        below = jnp.cumsum(counts) - counts
        step = jnp.floor(below[levels.max()] / (NUM_LEVELS - 1))
        # Look up before dividing: XLA on a CPU would otherwise recompute the table's entry for each pixel.
        new_levels = jnp.floor((below[levels] + jnp.floor(step / 2)) / jnp.maximum(step, 1.0))
        return jnp.where(step > 0, jnp.minimum(new_levels / (NUM_LEVELS - 1), 1.0), values)

    levels, values = (a.reshape(-1, image.shape[-1]) for a in (_to_levels(image).astype(jnp.int32), image))
    return jax.vmap(one, in_axes=1, out_axes=1)(levels, values).reshape(image.shape)


def blur(image: Float[Array, "h w c"], sigma: Scalar) -> Float[Array, "h w c"]:
    """Apply a Gaussian blur of standard deviation `sigma` pixels; sigma 0 leaves the image unchanged.

    Near the border the weights of the pixels inside are normalised to a sum of 1. Computed by matrix products for the
    reason given in `change_sharpness`.
    """

    def weights(size: int) -> Float[Array, "n n"]:
        distance = (jnp.arange(size)[:, None] - jnp.arange(size)).astype(jnp.float32)
        return jax.nn.softmax(-0.5 * (distance / jnp.maximum(sigma, 1e-3)) ** 2)

    rows, columns = (weights(size) for size in image.shape[:2])
    image = jnp.einsum("rh,hwc->rwc", rows, image, precision=jax.lax.Precision.HIGHEST)
    return jnp.einsum("sw,rwc->rsc", columns, image, precision=jax.lax.Precision.HIGHEST)


def cut_out(
    image: Float[Array, "h w c"], centre: Float[Array, "2"], side: Scalar, *, fill: float
) -> Float[Array, "h w c"]:
    """Write `fill` into a square hole of `side` pixels about `centre` (row, column) (Cutout, DeVries & Taylor 2017)."""
    height, width, _ = image.shape
    rows = jnp.abs(jnp.arange(0.5, height) - centre[0]) <= side / 2
    columns = jnp.abs(jnp.arange(0.5, width) - centre[1]) <= side / 2
    return jnp.where((rows[:, None] & columns)[..., None], fill, image)
