"""Random Fourier features FF(x) = (cos 2 pi B x, sin 2 pi B x) of coords (paper, Appendix A).

On a turned grid they separate. With S^-1(x, y) = x a + y u + o for the pixel in column x and row y,

    exp(2 pi i B S^-1(x, y)) = exp(2 pi i x B a) exp(2 pi i (y B u + B o))

so that an image of h rows and w columns takes h + w exponentials a frequency and not h w; the rest are products.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import Chebyshev, Polynomial

from irl_inr_jax.geometry.coords import invert_pose, pixel_axes, rotate_coords
from irl_inr_jax.types import PosedPixels

# cos(2 pi r) for |r| <= 1/4 as a polynomial in r^2, off by 2e-10 at most; the constant comes first.
_COSINE = Chebyshev.interpolate(lambda square: np.cos(2 * np.pi * np.sqrt(square)), 5, domain=[0, 1 / 16])
COSINE_COEFFICIENTS = tuple(map(float, _COSINE.convert(kind=Polynomial).coef))
QUARTER = 0.25  # of a turn: sin(2 pi t) is cos(2 pi (t - 1/4))


def sample_frequencies(key: jax.Array, num_frequencies: int, deviation: float) -> Float[Array, "f 2"]:
    """B of Appendix A, entries N(0, deviation^2) in periods over half the image; fixed for the life of a model."""
    return deviation * jax.random.normal(key, (num_frequencies, 2))


@jax.custom_jvp
def cos_2pi(turns: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """cos(2 pi t), float32, to within its rounding.

    Whole turns drop out without rounding and a polynomial does the rest. XLA's sines and cosines, which take radians of
    any size, take several times as long on a CPU.
    """
    half_turns = jnp.round(2 * turns)
    square = (turns - half_turns / 2) ** 2
    value = jnp.full_like(square, COSINE_COEFFICIENTS[-1])
    for coefficient in COSINE_COEFFICIENTS[-2::-1]:
        value = value * square + coefficient
    odd = half_turns - 2 * jnp.floor(half_turns / 2)
    return value * (1 - 2 * odd)


@cos_2pi.defjvp
def _cos_2pi_jvp(primals, tangents):
    (turns,), (change,) = primals, tangents
    return cos_2pi(turns), -2 * jnp.pi * cos_2pi(turns - QUARTER) * change


def fourier_features(coords: Float[Array, "*n 2"], frequencies: Float[Array, "f 2"]) -> Float[Array, "*n f2"]:
    """FF at any coords. Phases are float32 whatever the rest computes in."""
    both = jnp.concatenate([frequencies, frequencies])
    late = jnp.repeat(jnp.array([0.0, QUARTER]), len(frequencies))
    # Written out and not a matmul, so that it is never in reduced precision and is one pass with the cosine.
    return cos_2pi(coords[..., :1] * both[:, 0] + coords[..., 1:] * both[:, 1] - late)


def pixel_features(pixels: PosedPixels, frequencies: Float[Array, "f 2"], *, dtype: jnp.dtype) -> Float[Array, "n f2"]:
    """FF at the pixels of one image, by columns and rows: equal to that of `locate_pixels` but for rounding.

    The exponentials are float32, their products `dtype`.
    """
    back = invert_pose(pixels.pose)
    across, up = rotate_coords(jnp.eye(2), back.theta)
    x, y = pixel_axes(pixels.height, pixels.width)

    def turns(places, direction, origin):
        step, start = (jnp.dot(frequencies, v, precision="highest") for v in (direction, origin))
        return places[:, None] * step + start

    columns = turns(x, across, jnp.zeros(2))
    rows = turns(y, up, back.tau)
    # cos(c + r) and sin(c + r), both in one product and sum, so that the features are written once and not joined.
    cos_x, sin_x, cos_y, sin_y = (cos_2pi(t) for t in (columns, columns - QUARTER, rows, rows - QUARTER))
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
