"""Polar images about a centre and their spectra.

The orbit of an image is the set of all its rotations and translations. On a polar image about the centre of mass a
translation has no effect and a rotation is a circular shift along the angle. The distance between two orbits is
therefore given by the largest correlation over all shifts, computed from Fourier transforms along the angle; the moduli
of these transforms are invariant.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from irl_inr_jax.geometry.coords import transform_coords
from irl_inr_jax.geometry.warps import sample_image
from irl_inr_jax.types import Pose

_is_real: ContextVar[bool] = ContextVar("is_real", default=False)


@contextmanager
def real_arithmetic() -> Iterator[None]:
    """Trace `best_rotation` without complex numbers within the block, for converters that do not know them."""
    token = _is_real.set(True)
    try:
        yield
    finally:
        _is_real.reset(token)


def polar_grid(num_radii: int, num_rotations: int, *, radius: float) -> Float[Array, "n 2"]:
    """Return points on circles about the origin, circle by circle; one point per rotation on each.

    radius: outer edge of the outermost ring, in half sides: 1 for the circle inscribed in the image.
    """
    radii = radius * (jnp.arange(num_radii, dtype=jnp.float32) + 0.5) / num_radii
    angles = 2 * jnp.pi * jnp.arange(num_rotations, dtype=jnp.float32) / num_rotations
    directions = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    return (radii[:, None, None] * directions).reshape(num_radii * num_rotations, 2)


def best_rotation(sampled: Float[Array, "b r t c"], rendered: Float[Array, "b r t c"]) -> Int[Array, "b"]:
    """Find the circular shift j that makes sampled[..., k + j, :] most similar to rendered[..., k, :].

    Circles are weighted by their length. Both energies are the same for every shift, so the least squared error is the
    largest correlation, and the correlations for all shifts cost one Fourier transform along the circles.
    """
    num_radii, num_rotations = sampled.shape[1:3]
    weights = (jnp.arange(num_radii, dtype=jnp.float32) + 0.5)[:, None, None]
    if _is_real.get():
        shifted = (np.arange(num_rotations)[:, None] + np.arange(num_rotations)) % num_rotations  # (j, k): k + j
        each = (weights * sampled)[:, :, shifted.reshape(-1)].reshape(*sampled.shape[:2], *shifted.shape, -1)
        return (each * rendered[:, :, None]).sum((1, 3, 4)).argmax(-1)
    spectrum = (jnp.fft.rfft(weights * sampled, axis=2) * jnp.conj(jnp.fft.rfft(rendered, axis=2))).sum((1, 3))
    return jnp.fft.irfft(spectrum, n=num_rotations, axis=1).argmax(-1)


def sample_polar(
    images: Float[Array, "b h w c"], pose: Pose, *, num_radii: int, num_rotations: int, radius: float, fill: float
) -> Float[Array, "b r t c"]:
    """Sample the images on a polar grid in the frame of their pose; radius as in `polar_grid`."""
    grid = polar_grid(num_radii, num_rotations, radius=radius)
    coords = transform_coords(jnp.broadcast_to(grid, (images.shape[0], *grid.shape)), pose)

    def one(image, coords):
        return sample_image(image, coords, interpolation="bilinear", fill=fill)

    return jax.vmap(one)(images, coords).reshape(images.shape[0], num_radii, num_rotations, -1)


def polar_images(
    images: Float[Array, "b h w c"],
    centre: Float[Array, "b 2"],
    *,
    num_radii: int,
    num_angles: int,
    radius: float,
    fill: float,
) -> Float[Array, "b r t c"]:
    """Sample images on circles about their centres, normalised to unit norm; 0 for a blank image.

    Circles are weighted by the square root of their length, so that the inner product of polar images is that of the
    discs. centre: in coords. radius: as in `polar_grid`.
    """
    pose = Pose(theta=jnp.zeros(images.shape[0]), tau=centre)
    sampled = sample_polar(images, pose, num_radii=num_radii, num_rotations=num_angles, radius=radius, fill=fill)
    radii = (jnp.arange(num_radii, dtype=jnp.float32) + 0.5) / num_radii
    weighted = sampled * jnp.sqrt(radii)[:, None, None]
    norm = jnp.sqrt((weighted**2).sum((1, 2, 3), keepdims=True))
    return weighted / jnp.where(norm > 0, norm, 1.0)


def angular_spectrum(polar: Float[Array, "b r t c"]) -> Float[Array, "b f m"]:
    """Compute the unitary Fourier transform along the angle: per frequency, real parts of all circles, then imaginary.

    Frequencies other than 0 and the highest represent two of the full transform and are weighted by the square root of
    2, so that the norm is that of the polar image.
    """
    spectrum = jnp.moveaxis(jnp.fft.rfft(polar, axis=2, norm="ortho"), 2, 1)
    flat = spectrum.reshape(*spectrum.shape[:2], -1)
    return jnp.concatenate([flat.real, flat.imag], axis=-1) * jnp.sqrt(_multiplicity(polar.shape[2]))[:, None]


def invariant_spectrum(polar: Float[Array, "b r t c"]) -> Float[Array, "b d"]:
    """Compute the modulus of the angular spectrum: invariant to rotations; its distances never exceed the orbits'."""
    real, imaginary = jnp.split(angular_spectrum(polar), 2, axis=-1)
    return jnp.sqrt(real**2 + imaginary**2).reshape(len(polar), -1)


def _multiplicity(num_angles: int) -> Float[Array, "f"]:
    """Count the frequencies of the full transform that each frequency of the half transform represents."""
    frequencies = np.arange(num_angles // 2 + 1)
    return jnp.asarray(np.where((frequencies == 0) | (2 * frequencies == num_angles), 1, 2), jnp.float32)
