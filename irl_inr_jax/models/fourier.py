"""Random Fourier features FF(x) = (cos 2 pi B x, sin 2 pi B x) of coords (paper, Appendix A).

On a turned grid they separate. With S^-1(x, y) = x a + y u + o for the pixel in column x and row y,

    exp(2 pi i B S^-1(x, y)) = exp(2 pi i x B a) exp(2 pi i (y B u + B o))

so that an image of h rows and w columns takes h + w exponentials a frequency and not h w; the rest are products.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.geometry.coords import invert_pose, pixel_axes, rotate_coords
from irl_inr_jax.types import PosedPixels


def draw_frequencies(key: jax.Array, num_frequencies: int, deviation: float) -> Float[Array, "f 2"]:
    """B of Appendix A, entries N(0, deviation^2) in periods over half the image; fixed for the life of a model."""
    return deviation * jax.random.normal(key, (num_frequencies, 2))


def fourier_features(coords: Float[Array, "*n 2"], frequencies: Float[Array, "f 2"]) -> Float[Array, "*n f2"]:
    """FF at any coords. Phases are float32 whatever the rest computes in."""
    phase = 2 * jnp.pi * jnp.dot(coords, frequencies.T, precision="highest")
    return jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=-1)


def pixel_features(pixels: PosedPixels, frequencies: Float[Array, "f 2"], *, dtype: jnp.dtype) -> Float[Array, "n f2"]:
    """FF at the pixels of one image, by columns and rows: equal to that of `locate_pixels` but for rounding.

    The exponentials are float32, their products `dtype`.
    """
    back = invert_pose(pixels.pose)
    across, up = rotate_coords(jnp.eye(2), back.theta)
    x, y = pixel_axes(pixels.height, pixels.width)

    def phases(places, direction, origin):
        step, start = (2 * jnp.pi * jnp.dot(frequencies, v, precision="highest") for v in (direction, origin))
        return places[:, None] * step + start

    columns = phases(x, across, jnp.zeros(2))
    rows = phases(y, up, back.tau)
    # cos(c + r) and sin(c + r), both in one product and sum, so that the features are written once and not joined.
    cos_x, sin_x, cos_y, sin_y = jnp.cos(columns), jnp.sin(columns), jnp.cos(rows), jnp.sin(rows)
    parts = [cos_x, sin_x], [cos_y, cos_y], [-sin_x, cos_x], [sin_y, sin_y]
    straight_x, straight_y, crossed_x, crossed_y = (jnp.concatenate(part, axis=-1).astype(dtype) for part in parts)
    if pixels.numbers is None:
        straight_y, crossed_y = straight_y[:, None], crossed_y[:, None]
    else:
        row, column = jnp.divmod(pixels.numbers, pixels.width)
        straight_x, crossed_x = straight_x[column], crossed_x[column]
        straight_y, crossed_y = straight_y[row], crossed_y[row]
    features = straight_x * straight_y + crossed_x * crossed_y
    return features.reshape(-1, features.shape[-1])
