"""Thumbnails of many images in a few WebP pictures, the atlases."""

import base64
import io
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from irl_inr_jax.data.lazy import LazyImages, in_chunks

NUM_COLUMNS = 64
ATLAS_IMAGES = 16 * NUM_COLUMNS  # few, as a page decodes the whole picture for the first thumbnail that it shows
MAX_GAIN = 10.0
QUALITY = 80
_BRIGHT_QUANTILE = 0.995  # single bright pixels do not set the gain


class Atlas(NamedTuple):
    """Square thumbnails of `side` pixels, `columns` in a row and `per_picture` in each picture, in order.

    pictures: data URLs.
    """

    side: int
    columns: int
    per_picture: int
    pictures: list[str]


def choose_shown(groups: Int[np.ndarray, "n"], limit: int, *, seed: int) -> Int[np.ndarray, "m"]:
    """Return the rows of at most `limit` images, ascending, from each group about in proportion to its size.

    Each group keeps at least one image if the limit allows it.
    """
    if len(groups) <= limit:
        return np.arange(len(groups))
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    _, numbers, sizes = np.unique(groups[shuffled], return_inverse=True, return_counts=True)
    # The place of each image within its group as a share of the group; the first of each group comes before all others.
    order = np.argsort(numbers, kind="stable")
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.empty(len(groups))
    place[order] = (np.arange(len(groups)) - starts) / np.repeat(sizes, sizes)
    return np.sort(shuffled[np.argsort(place, kind="stable")[:limit]])


def stretch_images(images: Float[np.ndarray, "n h w c"], background: float) -> Float[np.ndarray, "n h w c"]:
    """Multiply each image's difference from the background so that its brightest parts reach the end of [0, 1].

    The gain is from 1 to `MAX_GAIN`, so that a faint image becomes visible and a blank one stays blank.
    """
    difference = images - background
    reach = np.quantile(np.abs(difference).reshape(len(images), -1), _BRIGHT_QUANTILE, axis=1)
    gain = np.clip(max(background, 1 - background) / np.maximum(reach, 1e-6), 1, MAX_GAIN)
    return np.clip(background + difference * gain[:, None, None, None], 0, 1)


def make_thumbnails(
    images: Float[np.ndarray, "n h w c"] | LazyImages, *, side: int, background: float
) -> UInt8[np.ndarray, "n s s k"]:
    """Return stretched images for display as 8-bit squares of `side` pixels, in grey (k = 1) or RGB (k = 3)."""
    channels = 3 if images.shape[-1] == 3 else 1
    thumbnails = np.empty((len(images), side, side, channels), np.uint8)
    start = 0
    for chunk in in_chunks(images, 1024):
        pixels = (255 * stretch_images(np.asarray(chunk, np.float32), background) + 0.5).astype(np.uint8)
        for image in to_rgb_or_grey(pixels):
            thumbnails[start] = resize_picture(image, side)
            start += 1
    return thumbnails


def to_rgb_or_grey(pixels: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "n h w k"]:
    """Return three channels as RGB, otherwise the first as grey."""
    return pixels if pixels.shape[-1] == 3 else pixels[..., :1]


def resize_picture(image: UInt8[np.ndarray, "h w k"], side: int) -> UInt8[np.ndarray, "s s k"]:
    """Resample an image to `side` pixels a side by area."""
    if image.shape[:2] == (side, side):
        return image
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX)).reshape(side, side, -1)


def pack_atlas(thumbnails: UInt8[np.ndarray, "n s s k"]) -> Atlas:
    """Arrange thumbnails in pictures of at most `ATLAS_IMAGES`."""
    chunks = [thumbnails[first : first + ATLAS_IMAGES] for first in range(0, len(thumbnails), ATLAS_IMAGES)]
    pictures = [encode_webp(_tile(chunk)) for chunk in chunks]
    return Atlas(thumbnails.shape[1], NUM_COLUMNS, ATLAS_IMAGES, pictures)


def encode_webp(picture: UInt8[np.ndarray, "h w k"]) -> str:
    """Return the data URL of a picture in WebP."""
    stream = io.BytesIO()
    squeezed = picture.squeeze(-1) if picture.shape[-1] == 1 else picture
    Image.fromarray(squeezed).save(stream, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _tile(thumbnails: UInt8[np.ndarray, "n s s k"]) -> UInt8[np.ndarray, "h w k"]:
    count, side, _, channels = thumbnails.shape
    columns, rows = min(NUM_COLUMNS, count), -(-count // NUM_COLUMNS)
    canvas = np.zeros((rows * columns, side, side, channels), np.uint8)
    canvas[:count] = thumbnails
    return (
        canvas.reshape(rows, columns, side, side, channels).transpose(0, 2, 1, 3, 4).reshape(rows * side, -1, channels)
    )
