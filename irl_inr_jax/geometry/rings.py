"""Description of maps by rings about the image centre, invariant to rotations and to mirror images.

A rotation of a map is a circular shift of its rings along the angle, and a mirror image reverses them; the moduli of
their Fourier transforms change under neither.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.ndimage import gaussian_filter1d

from irl_inr_jax.geometry.polar import angular_spectrum, sample_polar
from irl_inr_jax.types import Pose

# Overlapping bands of rings, as shares of the radius, from the centre to the border.
BANDS = ((0.0, 0.25), (0.2, 0.45), (0.4, 0.65), (0.6, 0.85), (0.8, 1.0))
# Frequencies of the excess along the angle within a band.
NUM_BAND_FREQUENCIES = 4
# Spreads above the level from which a value within a band is an excess.
_BAND_THRESHOLD = 1.5
_BELOW_MEDIAN = 0.16
# To 1e-6 of the range of a map.
_NUM_HALVINGS = 20


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
    sizes = {"num_radii": num_radii, "num_rotations": num_angles, "radius": 1.0}
    return sample_polar(maps[..., None], pose, **sizes, fill=0.0)[..., 0]


def find_level(rings: Float[Array, "b r t"]) -> Level:
    """Compute the background of each map over the area of the disc."""
    median = area_quantile(rings, 0.5)
    return Level(median, median - area_quantile(rings, _BELOW_MEDIAN))


def area_quantile(rings: Float[Array, "b r t"], share: float) -> Float[Array, "b"]:
    """Compute the value that is not exceeded in that share of the disc, by bisection; sorting takes 20 times as long.

    A point counts in proportion to the length of its ring.
    """
    radii = _ring_radii(rings.shape[1])
    weights = jnp.asarray(radii / radii.sum() / rings.shape[2], jnp.float32)[:, None]

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2
        reached = jnp.where(rings <= middle[:, None, None], weights, 0.0).sum((1, 2)) >= share
        return jnp.where(reached, low, middle), jnp.where(reached, middle, high)

    bounds = (rings.min((1, 2)), rings.max((1, 2)))
    return jax.lax.fori_loop(0, _NUM_HALVINGS, halve, bounds)[1]


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


def average_rings(spectrum: Float[Array, "b r f"], *, width: float) -> Float[Array, "b r f"]:
    """Average over neighbouring rings by a Gaussian of standard deviation `width` rings, mirrored at both ends."""
    weights = gaussian_filter1d(np.eye(spectrum.shape[1]), width, axis=0, mode="reflect")
    return jnp.einsum("rs,bsf->brf", jnp.asarray(weights, spectrum.dtype), spectrum, precision="highest")


def band_statistics(
    rings: Float[Array, "b r t"], level: Level, *, least_spread: Float[Array, "b"] | float
) -> Float[Array, "b n 6"]:
    """Describe the excess in each of `BANDS`: log(1 + x) of mean, maximum and moduli of the frequencies 1 to 4.

    Values are in spreads, to which `least_spread` is added so that a map without noise has finite ones.
    """
    spread = level.spread + least_spread
    scaled = (rings - level.median[:, None, None]) / spread[:, None, None]
    members = _band_members(rings.shape[1])
    weights = members * _ring_radii(rings.shape[1])
    weights = jnp.asarray(weights / weights.sum(1, keepdims=True), jnp.float32)
    excess = jnp.maximum(scaled - _BAND_THRESHOLD, 0.0)
    profiles = jnp.einsum("nr,brt->bnt", weights, excess, precision="highest")
    moduli = jnp.abs(jnp.fft.rfft(profiles, axis=2))[:, :, 1 : NUM_BAND_FREQUENCIES + 1] / rings.shape[2]
    largest = jnp.maximum(scaled, 0.0).max(2)
    largest = jnp.where(jnp.asarray(members), largest[:, None], 0.0).max(2)
    return jnp.log1p(jnp.concatenate([profiles.mean(2)[:, :, None], largest[:, :, None], moduli], axis=2))


def _band_members(num_radii: int) -> Bool[np.ndarray, "n r"]:
    """Return which rings overlap each of `BANDS`; at least one does."""
    edges = np.arange(num_radii + 1) / num_radii
    return np.stack([(edges[1:] > first + 1e-6) & (edges[:-1] < last - 1e-6) for first, last in BANDS])


def _ring_radii(num_radii: int) -> Float[np.ndarray, "r"]:
    """Return the radii of `geometry.polar.polar_grid`, in half sides."""
    return (np.arange(num_radii) + 0.5) / num_radii
