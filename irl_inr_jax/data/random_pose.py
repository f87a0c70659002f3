"""Random known poses: uniform rotations and normal shifts, applied in one resampling.

A pose belongs to an image's row in the publisher's order. Poses are therefore sampled for the whole split, and only the
images that are read are resampled.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from ml_collections import ConfigDict

from irl_inr_jax.data.background import parse_background
from irl_inr_jax.data.source import Source
from irl_inr_jax.data.subsets import Stream, make_rng
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.types import InputError, Pose

MAX_CHUNK = 1024  # images that are resampled at once


def add_random_poses(data: ConfigDict, source: Source, *, zoom: float = 1.0) -> Source:
    """Return `source`, square uint8 images of one size, with each image in a random known pose.

    The images are placed on a canvas of config.data.canvas pixels (0: the smallest that contains them), rotated by
    uniform angles and shifted by normal offsets of standard deviation config.data.translation_px. zoom: width of an
    image pixel in canvas pixels. Both splits have their own poses, which depend on config.data.seed only.

    Raises InputError if config.data.canvas is too small.
    """
    smallest = round(int(source.sizes.max()) * zoom)
    canvas, translation_px = data.canvas or smallest, data.translation_px
    if canvas < smallest:
        raise InputError(f"config.data.canvas: expected 0 or at least {smallest} for {data.name}, found {data.canvas}")
    fill = parse_background(data) or 0.0
    is_test = np.zeros(len(source.ids), bool) if source.test is None else source.test
    pose = Pose(theta=np.empty(len(is_test), np.float32), tau=np.empty((len(is_test), 2), np.float32))
    for is_part, stream in ((~is_test, Stream.TRAIN_POSE), (is_test, Stream.TEST_POSE)):
        part = sample_dataset_poses(
            int(is_part.sum()), seed=data.seed, stream=stream, translation_px=translation_px, canvas=canvas
        )
        pose.theta[is_part], pose.tau[is_part] = part.theta, part.tau

    def read(rows: np.ndarray) -> np.ndarray:
        images, poses = np.asarray(source.read(rows)), Pose(theta=pose.theta[rows], tau=pose.tau[rows])
        return warp_images(images, poses, canvas=canvas, zoom=zoom, fill=fill)

    shifts = f" and shifted by {translation_px:g} px (standard deviation)" if translation_px else ""
    return dataclasses.replace(
        source,
        description=f"{source.description}, on {canvas}x{canvas} pixels, rotated by uniform angles{shifts}",
        sizes=np.full((len(source.ids), 2), canvas, np.int32),
        read=read,
        pose=pose,
        background=fill,
        files=None,
        pages=None,
    )


def sample_dataset_poses(num_images: int, *, seed: int, stream: int, translation_px: float, canvas: int) -> Pose:
    """Sample poses as NumPy arrays: theta (N,) uniform over the circle, tau (N, 2) normal, independent per axis."""
    rng = make_rng(seed, stream)
    theta = rng.uniform(0.0, 2 * np.pi, num_images)
    tau = rng.normal(0.0, translation_px, (num_images, 2)) * (2.0 / canvas)
    return Pose(theta=theta.astype(np.float32), tau=tau.astype(np.float32))


def warp_images(
    images: UInt8[np.ndarray, "b h w c"],
    pose: Pose,
    *,
    canvas: int,
    zoom: float,
    fill: float = 0.0,
    chunk: int = MAX_CHUNK,
) -> UInt8[np.ndarray, "b canvas canvas c"]:
    """Compute S_{theta,tau}[J] on a canvas of `fill` by one bilinear resampling, rounded to uint8.

    chunk: the largest number of images in one call; smaller calls are padded to a power of two, so that few shapes are
    compiled.
    """
    warped = np.empty((len(images), canvas, canvas, images.shape[3]), np.uint8)
    chunk = min(chunk, 1 << max(len(images) - 1, 0).bit_length())
    for start in range(0, len(images), chunk):
        rows = np.minimum(np.arange(start, start + chunk), len(images) - 1)
        part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], pose)
        warped[start : start + chunk] = _warp_chunk(images[rows], part, canvas, zoom, fill)[: len(images) - start]
    return warped


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _warp_chunk(images, pose, canvas, zoom, fill):
    transformed = transform_images(
        images.astype(jnp.float32), pose, interpolation="bilinear", fill=fill, canvas=(canvas, canvas), zoom=zoom
    )
    return jnp.clip(jnp.round(transformed), 0, 255).astype(jnp.uint8)
