"""The moved copies of the training images that the losses compare, drawn on the device."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.types import Pose, PosedPixels


def example_keys(key: jax.Array, positions: Int[Array, "b"]) -> jax.Array:
    """One key an image, from its place in the global batch: the same draws on one device as on eight."""
    return jax.vmap(lambda position: jax.random.fold_in(key, position))(positions)


def sample_poses(keys: jax.Array, *, translation_std: float) -> Pose:
    """theta ~ Uniform([0, 2 pi)), tau ~ N(0, translation_std^2) per axis, in coords (section 3.3.2)."""

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
    """S_{theta,tau}[J] with a fresh pose for each image; `translation_px` is the deviation per axis in pixels."""
    pose = sample_poses(keys, translation_std=2 * translation_px / images.shape[2])
    return transform_images(images, pose, interpolation=interpolation, fill=fill)


def sample_pixels(keys: jax.Array, num_pixels: int, total: int) -> Int[Array, "b m"]:
    """`num_pixels` random pixel numbers for each image, with replacement; all of them, in order, for 0."""
    if num_pixels == 0:
        return jnp.broadcast_to(jnp.arange(total), (keys.shape[0], total))
    return jax.vmap(lambda key: jax.random.randint(key, (num_pixels,), 0, total))(keys)


def select_pixels(
    keys: jax.Array, images: Float[Array, "b h w c"], pose: Pose, num_pixels: int
) -> tuple[PosedPixels, Float[Array, "b m c"]]:
    """`num_pixels` random pixels of each image, with replacement, or all in order for 0: their places and values.

    keys: one for each of the first images; images past them, the further views, are asked for the same pixels again.
    A mean over random pixels has the mean over all for its expectation.
    """
    height, width, num_channels = images.shape[1:]
    values = images.reshape(len(images), -1, num_channels)
    if num_pixels == 0:
        return PosedPixels(pose, None, height, width), values
    numbers = jnp.tile(sample_pixels(keys, num_pixels, height * width), (len(images) // len(keys), 1))
    return PosedPixels(pose, numbers, height, width), jnp.take_along_axis(values, numbers[..., None], axis=1)
