"""Pose computed from an image's moments: centre of mass for the position, a complex moment for the angle.

The mass at a pixel is the L1 norm of its channels (section 3.4), so pixels may be negative and a blank image has no
mass. A blank image gets the pose (0, 0), a symmetric one an arbitrary angle with strength near 0; both have a finite
gradient.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.types import Pose

# Below this share of its largest possible value, a moment is rounding noise and its phase is meaningless.
_NEGLIGIBLE = 1e-6


def pixel_mass(images: Float[Array, "b h w c"]) -> Float[Array, "b n"]:
    """Compute |J(x_p)|_1 at every pixel."""
    return jnp.abs(images).sum(-1).reshape(images.shape[0], -1)


def centre_of_mass(images: Float[Array, "b h w c"]) -> Float[Array, "b 2"]:
    """Compute CoM(J) of section 3.4 in coords; the origin for a blank image."""
    mass = pixel_mass(images)
    total = mass.sum(-1, keepdims=True)
    moment = (mass[:, :, None] * pixel_grid(*images.shape[1:3])).sum(1)
    return moment / jnp.where(total > 0, total, 1.0)


def complex_moment_21(images: Float[Array, "b h w c"], centre: Float[Array, "b 2"]) -> Float[Array, "b 2"]:
    """Compute c21 = sum J z^2 conj(z) with z = x + iy about `centre`, as (real, imaginary) over sum J |z|^3.

    Rotating the image by phi about `centre` multiplies c21 by exp(i phi); translating image and centre together leaves
    it unchanged. The division brings its modulus to [0, 1]: how well the orientation is defined.
    """
    mass = pixel_mass(images)
    x, y = jnp.moveaxis(pixel_grid(*images.shape[1:3]) - centre[:, None, :], -1, 0)
    squared = x**2 + y**2
    weighted = mass * squared
    moment = jnp.stack([(weighted * x).sum(-1), (weighted * y).sum(-1)], axis=-1)
    # No gradient flows to `centre` through |z|, whose derivative is undefined where a pixel is exactly at the centre.
    bound = (mass * jnp.sqrt(jnp.where(squared > 0, squared, 1.0)) * squared).sum(-1, keepdims=True)
    return moment / jnp.where(bound > 0, bound, 1.0)


def angle_of(vector: Float[Array, "*batch 2"]) -> Float[Array, "*batch"]:
    """Compute the angle of a vector from the x axis in (-pi, pi]; 0 with zero gradient for a negligible vector."""
    x, y = vector[..., 0], vector[..., 1]
    defined = x**2 + y**2 > _NEGLIGIBLE**2
    return jnp.where(defined, jnp.arctan2(jnp.where(defined, y, 0.0), jnp.where(defined, x, 1.0)), 0.0)


def wrap_angle(angle: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Return the angle plus a multiple of 2 pi, in [-pi, pi], with a gradient of 1."""
    return angle - 2 * jnp.pi * jnp.round(angle / (2 * jnp.pi))


class Salience(NamedTuple):
    """Weighting of the pixels of noisy images, whose mass would otherwise be dominated by noise.

    blur_px: standard deviation of a Gaussian blur in pixels; 0 disables the weighting. reach: pixels further than this
    from the middle, in half sides, have no weight; 0 for no limit.
    """

    blur_px: float
    reach: float


NOT_BLURRED = Salience(0.0, 0.0)


def salient_mass(images: Float[Array, "b h w c"], salience: Salience) -> Float[Array, "b h w c"]:
    """Compute the squared positive part of the blurred images, within reach; equivariant under rotations."""
    mass = jnp.maximum(blur_images(images, salience.blur_px), 0.0) ** 2
    if salience.reach == 0:
        return mass
    radius = jnp.sqrt((pixel_grid(*images.shape[1:3]) ** 2).sum(-1)).reshape(*images.shape[1:3], 1)
    return jnp.where(radius <= salience.reach, mass, 0.0)


def blur_images(images: Float[Array, "b h w c"], sigma_px: float) -> Float[Array, "b h w c"]:
    """Convolve with a Gaussian of standard deviation `sigma_px` pixels; 0 outside."""
    rows, columns = (_gaussian_matrix(side, sigma_px) for side in images.shape[1:3])
    return jnp.einsum("yh,bhwc,xw->byxc", rows, images, columns, precision="highest")


def moment_pose(
    images: Float[Array, "b h w c"], *, translation: bool, salience: Salience = NOT_BLURRED
) -> tuple[Pose, Float[Array, "b"]]:
    """Compute the closed-form pose, and the strength in [0, 1] with which its angle is defined.

    tau is the centre of mass and theta = arg c21 about it, so that pose(S_g[J]) is g composed with pose(J), exactly up
    to resampling. Without `translation`, tau is 0 and c21 is taken about the image centre, the fixed point of the
    rotations. With a blur, theta is that of the salient mass about its centre, which rotates with the image.
    """
    centre = centre_of_mass(images) if translation else jnp.zeros((images.shape[0], 2))
    if salience.blur_px > 0:
        mass = salient_mass(images, salience)
        c21 = complex_moment_21(mass, centre_of_mass(mass))
    else:
        c21 = complex_moment_21(images, centre)
    return Pose(theta=angle_of(c21), tau=centre), jnp.sqrt((c21**2).sum(-1) + 1e-20)


def _gaussian_matrix(side: int, sigma: float) -> Float[Array, "s s"]:
    """Return the matrix that blurs a row of `side` pixels, with 0 outside."""
    distance = np.subtract.outer(np.arange(side), np.arange(side))
    return jnp.asarray(np.exp(-0.5 * (distance / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma), jnp.float32)
