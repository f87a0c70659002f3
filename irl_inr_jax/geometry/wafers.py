"""Dies of a wafer map, recovered from its image; the density of those that failed; and a detector of lines of them.

A map has three values: outside the wafer 0, a die that passed `pass_level`, a die that failed 1. Resizing by area mixes
them within a pixel. The wafer is round and fills the square, so each pixel's share of dies is known up to the steps of
its border.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

# Lengths are in pixels of a map that is this many pixels wide, so that they are shares of a wafer's diameter.
REFERENCE_SIDE = 64
# The least share of dies by which a density is divided: further outside the wafer there are none.
_LEAST_DIES = 0.05
_SUPERSAMPLING = 16


class Dies(NamedTuple):
    """Shares of each pixel that failed dies and all dies cover, from 0 to 1; failed <= present."""

    failed: Float[Array, "b h w"]
    present: Float[Array, "b h w"]


def read_dies(images: Float[Array, "b h w c"], *, pass_level: float) -> Dies:
    """Compute the dies of each pixel from the mean of its channels.

    With a share p of dies and f of failed ones the value is v = pass_level (p - f) + f, so that p is between v (all
    failed) and v / pass_level (none failed). Of these the p nearest to the pixel's share of the inscribed disc is used;
    f is then exact where p is.
    """
    values = jnp.clip(images.mean(-1), 0.0, 1.0)
    disc = jnp.asarray(disc_coverage(*images.shape[1:3]), jnp.float32)
    present = jnp.minimum(jnp.maximum(disc, values), jnp.minimum(values / pass_level, 1.0))
    failed = (values - pass_level * present) / (1 - pass_level)
    return Dies(jnp.clip(failed, 0.0, present), present)


def disc_coverage(height: int, width: int) -> Float[np.ndarray, "h w"]:
    """Compute the share of each pixel inside the inscribed disc (an ellipse if the image is not square)."""
    y, x = ((np.arange(side * _SUPERSAMPLING) + 0.5) / (side * _SUPERSAMPLING) * 2 - 1 for side in (height, width))
    inside = (y[:, None] ** 2 + x**2 <= 1).reshape(height, _SUPERSAMPLING, width, _SUPERSAMPLING)
    return inside.mean((1, 3))


@dataclasses.dataclass(frozen=True)
class MapFilters:
    """Transfer functions of filters on a padded grid, as products of Fourier transforms.

    side: pixels per side of the maps, which are square. padded: pixels per side with a border of 0 that no filter
    crosses. blurs: one Gaussian per scale. lines: elongated Gaussians, one per orientation; their integral is 1.
    """

    side: int
    padded: int
    blurs: Float[np.ndarray, "s p q"]
    lines: Float[np.ndarray, "o p q"]

    def transform(self, maps: Float[Array, "b h w"]) -> Complex[Array, "b p q"]:
        """Compute the Fourier transform of the padded maps."""
        return jnp.fft.rfft2(maps, s=(self.padded, self.padded))

    def apply(self, transformed: Complex[Array, "b p q"], transfer: Float[np.ndarray, "p q"]) -> Float[Array, "b h w"]:
        """Compute the filtered maps."""
        filtered = jnp.fft.irfft2(transformed * jnp.asarray(transfer, transformed.dtype), s=(self.padded, self.padded))
        return filtered[:, : self.side, : self.side]


def make_map_filters(
    side: int, *, scales: tuple[float, ...], line_length: float, line_width: float, num_orientations: int
) -> MapFilters:
    """Make the filters for maps of `side` pixels.

    scales, line_length, line_width: standard deviations in pixels of a map `REFERENCE_SIDE` wide. Orientations are
    evenly spaced over half a circle.
    """
    unit = side / REFERENCE_SIDE
    padded = side + int(np.ceil(3 * unit * max(*scales, line_length, line_width)))
    padded += padded % 2
    y = 2 * np.pi * unit * np.fft.fftfreq(padded)[:, None]
    x = 2 * np.pi * unit * np.fft.rfftfreq(padded)
    blurs = [np.exp(-0.5 * scale**2 * (x**2 + y**2)) for scale in scales]
    lines = []
    for angle in np.arange(num_orientations) * np.pi / num_orientations:
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        lines.append(np.exp(-0.5 * ((line_length * along) ** 2 + (line_width * across) ** 2)))
    # The highest frequency of an even number of pixels has one sign only, and so no orientation.
    kept = (y != y.min()) & (x != x.max())
    return MapFilters(side, padded, np.stack(blurs) * kept, np.stack(lines) * kept)


def failure_densities(dies: Dies, filters: MapFilters) -> Float[Array, "b s h w"]:
    """Compute the share of failed dies about each pixel at each scale.

    Both are blurred before the division, so the density does not decrease at the wafer's border.
    """
    failed, present = filters.transform(dies.failed), filters.transform(dies.present)
    densities = [
        filters.apply(failed, blur) / jnp.maximum(filters.apply(present, blur), _LEAST_DIES) for blur in filters.blurs
    ]
    return jnp.maximum(jnp.stack(densities, axis=1), 0.0)


def pattern_strength(dies: Dies, filters: MapFilters) -> Float[Array, "b"]:
    """Compute how much failed dies cluster: the log ratio of the energies of two blurs of the excess of failed dies.

    The excess is that over the wafer's share of failed dies, and the blurs are those of the first two scales. For
    failed dies at random places, much smaller than the scales s < t, the ratio is (s / t)^2; dies and patterns larger
    than s raise it, to 1 at most. -inf if no or all dies failed.
    """
    excess = filters.transform(dies.failed - failed_share(dies)[:, None, None] * dies.present)
    fine, coarse = ((filters.apply(excess, blur) ** 2).sum((1, 2)) for blur in filters.blurs[:2])
    return jnp.log(coarse / jnp.maximum(fine, 1e-12))


def failed_share(dies: Dies) -> Float[Array, "b"]:
    """Compute the share of the dies that failed; 0 without dies."""
    return dies.failed.sum((1, 2)) / jnp.maximum(dies.present.sum((1, 2)), 1e-6)


def detect_lines(dies: Dies, filters: MapFilters, background: Float[Array, "b"]) -> Float[Array, "b h w"]:
    """Compute how much the density along the best orientation exceeds the mean over orientations.

    background: share of failed dies of the wafer, which is subtracted so that its border is no line.
    """
    excess = filters.transform(dies.failed - background[:, None, None] * dies.present)
    responses = [filters.apply(excess, line) for line in filters.lines]
    mean = sum(responses[1:], responses[0]) / len(responses)
    best = responses[0]
    for response in responses[1:]:
        best = jnp.maximum(best, response)
    return best - mean
