"""Square patches about the centre of an image, in which a shift of the image has no effect."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.geometry.coords import pixel_grid
from irl_inr_jax.geometry.moments import centre_of_mass, pixel_mass

# Share of the mass of an image within its content radius; the rest may be interpolation and noise.
CONTENT_SHARE = 0.995


def find_centre(images: Float[Array, "b h w c"], centre: str) -> Float[Array, "b 2"]:
    """Return the point in coords about which images are compared: 'mass' the centre of mass, 'image' the middle."""
    return centre_of_mass(images) if centre == "mass" else jnp.zeros((len(images), 2))


def content_radius(images: Float[Array, "b h w c"], centre: Float[Array, "b 2"]) -> Float[Array, "b"]:
    """Compute the radius about the centre that holds `CONTENT_SHARE` of the mass, in half sides; 0 without mass."""
    mass = pixel_mass(images)
    distance = jnp.sqrt(((pixel_grid(*images.shape[1:3]) - centre[:, None]) ** 2).sum(-1))
    order = distance.argsort(-1)
    within = jnp.take_along_axis(mass, order, axis=1).cumsum(-1)
    first = (within >= CONTENT_SHARE * within[:, -1:]).argmax(-1)
    radius = jnp.take_along_axis(jnp.take_along_axis(distance, order, axis=1), first[:, None], axis=1)[:, 0]
    return jnp.where(within[:, -1] > 0, radius, 0.0)


def centred_patches(
    images: Float[Array, "b h w c"], centre: Float[Array, "b 2"], *, side: int, reach: float, fill: float
) -> Float[Array, "b s s c"]:
    """Resample the square of `reach` half sides about each centre on a grid of `side` pixels, with `fill` outside.

    Bilinear, as `sample_image`. Rows and columns of the grid are parallel to those of the image, so that the
    interpolation is one along the columns after one along the rows: two matrix products instead of four gathers.
    """
    height, width = images.shape[1:3]
    offsets = reach * ((2 * jnp.arange(side, dtype=jnp.float32) + 1) / side - 1)
    rows = _hat_weights((1 - (centre[:, 1:] - offsets)) * height / 2 - 0.5, height)
    columns = _hat_weights((1 + (centre[:, :1] + offsets)) * width / 2 - 0.5, width)
    exact = jax.lax.Precision.HIGHEST
    return fill + jnp.einsum("byh,bhwc,bxw->byxc", rows, images - fill, columns, precision=exact)


def _hat_weights(positions: Float[Array, "b s"], size: int) -> Float[Array, "b s n"]:
    """Return the weights of `size` pixels in linear interpolation at each position; none of pixels outside."""
    return jnp.maximum(1 - jnp.abs(positions[..., None] - jnp.arange(size, dtype=jnp.float32)), 0)
