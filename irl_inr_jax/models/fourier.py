"""Random Fourier features FF(x) = (cos 2 pi B x, sin 2 pi B x) of coords (paper, Appendix A)."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import Chebyshev, Polynomial

# cos(2 pi r) for |r| <= 1/4 as a polynomial in r^2, with an error of at most 2e-10; constant first.
_COSINE = Chebyshev.interpolate(lambda square: np.cos(2 * np.pi * np.sqrt(square)), 5, domain=[0, 1 / 16])
COSINE_COEFFICIENTS = tuple(map(float, _COSINE.convert(kind=Polynomial).coef))
QUARTER = 0.25  # of a period: sin(2 pi t) = cos(2 pi (t - 1/4))


def sample_frequencies(key: jax.Array, num_frequencies: int, deviation: float) -> Float[Array, "f 2"]:
    """Sample B of Appendix A: entries N(0, deviation^2) in periods over half the image; never trained."""
    return deviation * jax.random.normal(key, (num_frequencies, 2))


@jax.custom_jvp
def cos_2pi(periods: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Compute cos(2 pi t) in float32, to within its rounding.

    Whole periods are removed without rounding and a polynomial does the rest. XLA's sine and cosine, which take radians
    of any size, take several times as long on a CPU.
    """
    half_periods = jnp.round(2 * periods)
    square = (periods - half_periods / 2) ** 2
    value = jnp.full_like(square, COSINE_COEFFICIENTS[-1])
    for coefficient in COSINE_COEFFICIENTS[-2::-1]:
        value = value * square + coefficient
    odd = half_periods - 2 * jnp.floor(half_periods / 2)
    return value * (1 - 2 * odd)


@cos_2pi.defjvp
def _cos_2pi_jvp(primals, tangents):
    (periods,), (change,) = primals, tangents
    return cos_2pi(periods), -2 * jnp.pi * cos_2pi(periods - QUARTER) * change


def fourier_features(coords: Float[Array, "*n 2"], frequencies: Float[Array, "f 2"]) -> Float[Array, "*n f2"]:
    """Compute FF at any coords. Phases are float32, whatever the dtype of the other layers."""
    both = jnp.concatenate([frequencies, frequencies])
    lag = jnp.repeat(jnp.array([0.0, QUARTER]), len(frequencies))
    # Not a matmul, so that it never runs in reduced precision and is fused with the cosine.
    return cos_2pi(coords[..., :1] * both[:, 0] + coords[..., 1:] * both[:, 1] - lag)
