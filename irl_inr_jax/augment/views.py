"""Randomly transformed copies of the training images, and random pixels of them, sampled on the device."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.types import Pose


def example_keys(key: jax.Array, positions: Int[Array, "b"]) -> jax.Array:
    """Derive one key per image from its position in the global batch, independent of the number of devices."""
    return jax.vmap(lambda position: jax.random.fold_in(key, position))(positions)


def sample_poses(keys: jax.Array, *, translation_std: float) -> Pose:
    """Sample theta ~ Uniform([0, 2 pi)) and tau ~ N(0, translation_std^2) per axis, in coords (section 3.3.2)."""

    def one(key):
        theta_key, tau_key = jax.random.split(key)
        theta = jax.random.uniform(theta_key, maxval=2 * jnp.pi)
        return Pose(theta=theta, tau=translation_std * jax.random.normal(tau_key, (2,)))

    return jax.vmap(one)(keys)


def random_views(
    keys: jax.Array,
    images: Float[Array, "b h w c"],
    *,
    translation_px: float,
    interpolation: str,
    fill: float,
) -> Float[Array, "b h w c"]:
    """Compute S_{theta,tau}[J] with a new random pose for each image.

    translation_px: standard deviation of the translation per axis in pixels.
    """
    pose = sample_poses(keys, translation_std=2 * translation_px / images.shape[2])
    return transform_images(images, pose, interpolation=interpolation, fill=fill)


def sample_pixels(keys: jax.Array, num_pixels: int, total: int) -> Int[Array, "b m"]:
    """Sample `num_pixels` pixel numbers for each image, with replacement; all numbers in order for 0."""
    if num_pixels == 0:
        return jnp.broadcast_to(jnp.arange(total), (keys.shape[0], total))
    return jax.vmap(lambda key: jax.random.randint(key, (num_pixels,), 0, total))(keys)


def select_pixels(
    keys: jax.Array, images: Float[Array, "b h w c"], pose: Pose, num_pixels: int
) -> tuple[Float[Array, "b m 2"], Float[Array, "b m c"]]:
    """Sample `num_pixels` pixels of each image, with replacement, or take all in order for 0.

    Returns their canonical coords S_{theta,tau}^-1(x_p) and their values. keys: one for each of the first images;
    further images, the other views, get the same pixel numbers again. The mean over random pixels is an unbiased
    estimate of the mean over all.
    """
    height, width, num_channels = images.shape[1:]
    grid, values = pixel_grid(height, width), images.reshape(len(images), -1, num_channels)
    if num_pixels == 0:
        return transform_coords(grid, invert_pose(pose)), values
    numbers = jnp.tile(sample_pixels(keys, num_pixels, height * width), (len(images) // len(keys), 1))
    coords = transform_coords(grid[numbers], invert_pose(pose))
    return coords, jnp.take_along_axis(values, numbers[..., None], axis=1)
