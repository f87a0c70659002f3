"""Description of maps by rings about the image centre, invariant to rotations and to mirror images.

A rotation of a map is a circular shift of its rings along the angle, and a mirror image reverses them; the moduli of
their Fourier transforms change under neither.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from irl_inr_jax.geometry.polar import angular_spectrum, sample_polar
from irl_inr_jax.types import Pose

# Overlapping bands of rings, as shares of the radius, from the centre to the border.
BANDS = ((0.0, 0.25), (0.2, 0.45), (0.4, 0.65), (0.6, 0.85), (0.8, 1.0))
# Frequencies of the excess along the angle within a band.
NUM_BAND_FREQUENCIES = 4
# Spreads above the level from which a value within a band is an excess.
_BAND_THRESHOLD = 1.5
# Copies of the outermost ring in a sample of the disc; inner rings have fewer, in proportion to their length.
_MAX_COPIES = 4
_BELOW_MEDIAN = 0.16


class Level(NamedTuple):
    """Background of a map: the median over the disc, and its distance from the 16th percentile.

    The latter is the standard deviation of a normal background, whatever is above the median.
    """

    median: Float[Array, "b"]
    spread: Float[Array, "b"]


def sample_rings(maps: Float[Array, "b h w"], *, num_radii: int, num_angles: int) -> Float[Array, "b r t"]:
    """Sample maps on rings about the image centre; the outermost is within the image."""
    num_maps = maps.shape[0]
    pose = Pose(theta=jnp.zeros(num_maps), tau=jnp.zeros((num_maps, 2)))
    return sample_polar(maps[..., None], pose, num_radii=num_radii, num_rotations=num_angles, fill=0.0)[..., 0]


def find_level(rings: Float[Array, "b r t"]) -> Level:
    """Compute the background of each map over the area of the disc."""
    copies = np.maximum(1, np.round(_MAX_COPIES * _ring_radii(rings.shape[1]))).astype(int)
    values = jnp.sort(rings[:, np.repeat(np.arange(rings.shape[1]), copies)].reshape(len(rings), -1), axis=1)
    count = values.shape[1]
    median = values[:, count // 2]
    return Level(median, median - values[:, int(_BELOW_MEDIAN * count)])


def excess_over(rings: Float[Array, "b r t"], level: Level, num_spreads: float) -> Float[Array, "b r t"]:
    """Compute by how much values exceed the median by more than `num_spreads` spreads; 0 where they do not."""
    return jnp.maximum(rings - (level.median + num_spreads * level.spread)[:, None, None], 0.0)


def ring_spectrum(rings: Float[Array, "b r t"], *, num_frequencies: int) -> Float[Array, "b r f"]:
    """Compute the lowest moduli of the Fourier transform along the angle of maps scaled to unit norm.

    Rings are weighted by the square root of their length, so that the norm is that of the disc. 0 for a map of zeros.
    """
    weighted = rings * jnp.sqrt(jnp.asarray(_ring_radii(rings.shape[1]), jnp.float32))[:, None]
    norm = jnp.sqrt((weighted**2).sum((1, 2), keepdims=True))
    spectrum = angular_spectrum((weighted / jnp.maximum(norm, 1e-6))[..., None])
    real, imaginary = jnp.split(spectrum, 2, axis=-1)
    return jnp.swapaxes(jnp.sqrt(real**2 + imaginary**2), 1, 2)[:, :, :num_frequencies]


def band_statistics(rings: Float[Array, "b r t"], level: Level, *, least_spread: float) -> Float[Array, "b n 6"]:
    """Describe the excess in each of `BANDS`: log(1 + x) of mean, maximum and moduli of the frequencies 1 to 4.

    Values are in spreads, to which `least_spread` is added so that a map without noise has finite ones.
    """
    scaled = (rings - level.median[:, None, None]) / (level.spread + least_spread)[:, None, None]
    num_radii, num_angles = rings.shape[1:]
    radii, statistics = _ring_radii(num_radii), []
    for first, last in BANDS:
        inner, outer = int(first * num_radii + 1e-6), int(np.ceil(last * num_radii - 1e-6))
        rows = slice(inner, max(outer, inner + 1))
        band = scaled[:, rows]
        weights = jnp.asarray(radii[rows] / radii[rows].sum(), jnp.float32)
        profile = (jnp.maximum(band - _BAND_THRESHOLD, 0.0) * weights[:, None]).sum(1)
        moduli = jnp.abs(jnp.fft.rfft(profile, axis=1))[:, 1 : NUM_BAND_FREQUENCIES + 1] / num_angles
        largest = jnp.maximum(band.max((1, 2)), 0.0)
        statistics.append(jnp.concatenate([profile.mean(1)[:, None], largest[:, None], moduli], axis=1))
    return jnp.log1p(jnp.stack(statistics, axis=1))


def _ring_radii(num_radii: int) -> Float[np.ndarray, "r"]:
    """Return the radii of `geometry.polar.polar_grid`, in half sides."""
    return (np.arange(num_radii) + 0.5) / num_radii
