"""Affine maps of the plane as 3 x 3 matrices, from the coords of the new image to those of the old one.

Maps are composed by the matrix product, so that an image is resampled once however many maps are applied. Coords as in
`geometry/coords.py`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.geometry.warps import sample_image

Scalar = Float[Array, ""] | float
Map = Float[Array, "3 3"]


def identity_map() -> Map:
    """Return the map that leaves every image unchanged."""
    return jnp.eye(3)


def rotation_map(theta: Scalar) -> Map:
    """Rotate the image by theta radians, counter-clockwise."""
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    return identity_map().at[:2, :2].set(jnp.array([[cos, sin], [-sin, cos]]))


def shift_map(offset: Float[Array, "2"]) -> Map:
    """Translate the image by `offset` in coords."""
    return identity_map().at[:2, 2].set(-offset)


def shear_map(x: Scalar, y: Scalar) -> Map:
    """Shear the image: the new one at (x', y') is the old one at (x' + x y', y' + y x')."""
    return identity_map().at[0, 1].set(x).at[1, 0].set(y)


def flip_map(mirrored: Scalar) -> Map:
    """Mirror the image left to right for `mirrored` = 1; the identity for 0."""
    return identity_map().at[0, 0].set(1 - 2 * mirrored)


def crop_map(size: Float[Array, "2"], centre: Float[Array, "2"]) -> Map:
    """Enlarge the part of `size` (shares of width and height) about `centre` (coords) to the whole image."""
    return identity_map().at[0, 0].set(size[0]).at[1, 1].set(size[1]).at[:2, 2].set(centre)


def sample_crop_map(key: jax.Array, area: tuple[float, float]) -> Map:
    """Sample a crop inside the image: area uniform within `area`, aspect ratio log-uniform between 3/4 and 4/3.

    For a large crop the range of aspect ratios is reduced to those that fit, down to 1 for the whole image, so that the
    area stays as sampled.
    """
    area_key, aspect_key, place_key = jax.random.split(key, 3)
    share = jax.random.uniform(area_key, minval=area[0], maxval=area[1])
    most = jnp.minimum(-jnp.log(share), jnp.log(4 / 3))
    aspect = jnp.exp(most * jax.random.uniform(aspect_key, minval=-1.0))
    size = jnp.minimum(jnp.sqrt(share * jnp.array([aspect, 1 / aspect])), 1.0)
    return crop_map(size, (1 - size) * jax.random.uniform(place_key, (2,), minval=-1.0))


def compose_maps(first: Map, second: Map) -> Map:
    """Return the map that applies `first` to an image and then `second`."""
    return jnp.matmul(first, second, precision=jax.lax.Precision.HIGHEST)


def resample(image: Float[Array, "h w c"], matrix: Map, *, fill: float) -> Float[Array, "h w c"]:
    """Apply the map `matrix` to an image by bilinear interpolation, with `fill` outside."""
    x, y = pixel_grid(*image.shape[:2]).T
    # Written out because a matmul may run in reduced precision on an accelerator.
    source = jnp.stack([along_x * x + along_y * y + offset for along_x, along_y, offset in matrix[:2]], axis=-1)
    return sample_image(image, source, interpolation="bilinear", fill=fill).reshape(image.shape)
