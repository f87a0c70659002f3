"""Giving images a random pose that we then know: uniform turns, normal shifts, one resample.

A pose belongs to an image's row in the publisher's order. Poses are therefore drawn for the whole split, the subset is
taken next, and only what is left is resampled.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from ml_collections import ConfigDict

from irl_inr_jax.data.scaling import find_scaling
from irl_inr_jax.data.subsets import Stream, make_rng, make_splits
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.types import Dataset, ImageSet, InputError, Pose


def make_posed_dataset(
    data: ConfigDict,
    train: ImageSet,
    test: ImageSet | None,
    *,
    class_names: tuple[str, ...],
    translation_px: float,
    zoom: float,
    description: str,
    source: str,
) -> Dataset:
    """Upright uint8 images as a data set in which each stands in a random pose of its own.

    translation_px: standard deviation of the shifts in pixels of the canvas; zoom: pixels of the canvas that one of
    the image's takes. A test split made by `test_fraction` keeps the poses of the rows that it came from.

    Raises InputError if config.data.canvas cannot hold the upright images.
    """
    smallest = round(train.images.shape[1] * zoom)
    canvas = data.canvas or smallest
    if canvas < smallest:
        raise InputError(f"config.data.canvas: expected 0 or at least {smallest} for {data.name}, found {data.canvas}")
    draw = functools.partial(sample_dataset_poses, seed=data.seed, translation_px=translation_px, canvas=canvas)
    train = _with_pose(train, draw(len(train.ids), stream=Stream.TRAIN_POSE))
    test = None if test is None else _with_pose(test, draw(len(test.ids), stream=Stream.TEST_POSE))
    train, test, class_names = make_splits(data, train, test, class_names)
    train = _warp(train, canvas, zoom)
    scaling = find_scaling(train.images, mode="type", background=0.0, source=source)
    return Dataset(
        name=data.name,
        train=train,
        test=None if test is None else _warp(test, canvas, zoom),
        class_names=class_names,
        scaling=scaling,
        description=f"{description}, on {canvas}x{canvas} pixels, turned by uniform angles"
        + (f" and shifted by {translation_px:g} px (standard deviation)" if translation_px else ""),
        notes=(f"pixels: {scaling.description}",),
    )


def sample_dataset_poses(num_images: int, *, seed: int, stream: int, translation_px: float, canvas: int) -> Pose:
    """Poses in NumPy arrays: theta (N,) uniform over the circle, tau (N, 2) normal, independent per axis."""
    if translation_px < 0:
        raise InputError(f"config.data.translation_px: expected 0 or a positive number, found {translation_px}")
    rng = make_rng(seed, stream)
    theta = rng.uniform(0.0, 2 * np.pi, num_images)
    tau = rng.normal(0.0, translation_px, (num_images, 2)) * (2.0 / canvas)
    return Pose(theta=theta.astype(np.float32), tau=tau.astype(np.float32))


def warp_images(
    images: UInt8[np.ndarray, "b h w c"], pose: Pose, *, canvas: int, zoom: float, chunk: int = 2048
) -> UInt8[np.ndarray, "b canvas canvas c"]:
    """S_{theta,tau}[J] on a canvas of 0 by one bilinear resample, rounded to uint8; `chunk` images at a time."""
    warped = np.empty((len(images), canvas, canvas, images.shape[3]), np.uint8)
    for start in range(0, len(images), chunk):
        rows = np.arange(start, start + chunk)
        # The last chunk is filled up with its last image, so that one compiled shape serves them all.
        rows = np.minimum(rows, len(images) - 1)
        part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], pose)
        warped[start : start + chunk] = _warp_chunk(images[rows], part, canvas, zoom)[: len(images) - start]
    return warped


def reject_translation(data: ConfigDict) -> None:
    """Raises InputError where shifts are asked of a data set that we do not shift."""
    if data.translation_px:
        raise InputError(
            f"config.data.translation_px: expected 0, as {data.name} is not shifted, found {data.translation_px:g}"
        )


@functools.partial(jax.jit, static_argnums=(2, 3))
def _warp_chunk(images, pose, canvas, zoom):
    moved = transform_images(
        images.astype(jnp.float32), pose, interpolation="bilinear", fill=0.0, canvas=(canvas, canvas), zoom=zoom
    )
    return jnp.clip(jnp.round(moved), 0, 255).astype(jnp.uint8)


def _with_pose(part: ImageSet, pose: Pose) -> ImageSet:
    return dataclasses.replace(part, pose=pose)


def _warp(part: ImageSet, canvas: int, zoom: float) -> ImageSet:
    return dataclasses.replace(part, images=warp_images(part.images, part.pose, canvas=canvas, zoom=zoom))
