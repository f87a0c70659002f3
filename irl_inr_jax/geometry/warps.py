"""Rotation and translation of images: S_{theta,tau} on arrays of pixels, in a single resampling step."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.types import Pose


def sample_image(
    image: Float[Array, "h w c"], coords: Float[Array, "n 2"], *, interpolation: str, fill: float
) -> Float[Array, "n c"]:
    """Interpolate an image at coords; `fill` outside it. Differentiable in `coords` with 'bilinear'."""
    height, width, channels = image.shape
    column = (coords[:, 0] + 1) * width / 2 - 0.5
    row = (1 - coords[:, 1]) * height / 2 - 0.5
    # A border of `fill` two pixels wide represents everything outside, so that every tap is an ordinary gather.
    bordered = jnp.pad(image, ((2, 2), (2, 2), (0, 0)), constant_values=fill).reshape(-1, channels)

    def tap(r, c):
        r = jnp.clip(r, -2, height + 1).astype(jnp.int32) + 2
        c = jnp.clip(c, -2, width + 1).astype(jnp.int32) + 2
        return bordered.at[r * (width + 4) + c].get(mode="promise_in_bounds")

    if interpolation == "nearest":
        return tap(jnp.floor(row + 0.5), jnp.floor(column + 0.5))
    top, left = jnp.floor(row), jnp.floor(column)
    down, right = (row - top)[:, None], (column - left)[:, None]
    upper = tap(top, left) * (1 - right) + tap(top, left + 1) * right
    lower = tap(top + 1, left) * (1 - right) + tap(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down


def transform_images(
    images: Float[Array, "b h w c"],
    pose: Pose,
    *,
    interpolation: str,
    fill: float,
    canvas: tuple[int, int] | None = None,
    zoom: float = 1.0,
) -> Float[Array, "b h2 w2 c"]:
    """Compute S_{theta,tau}[J]: rotate each image by theta about its centre, then translate it by tau (section 3.2).

    The new image at x is the old one at S^-1(x). canvas: (height, width) of the result, with the image in its middle;
    None keeps the size. zoom: width of an image pixel in canvas pixels. `pose` is in coords of the canvas. The paper
    uses 'nearest'; 'bilinear' is smoother and differentiable in the pose.
    """
    height, width = images.shape[1:3]
    out_height, out_width = canvas or (height, width)
    enlarge = jnp.array([out_width / width, out_height / height]) / zoom
    source = transform_coords(pixel_grid(out_height, out_width), invert_pose(pose)) * enlarge

    def one(image, coords):
        return sample_image(image, coords, interpolation=interpolation, fill=fill)

    return jax.vmap(one)(images, source).reshape(-1, out_height, out_width, images.shape[-1])
