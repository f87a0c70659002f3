"""Images as tiles of a figure: one size, enlarged by whole factors, arranged in a grid."""

import math

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image

from irl_inr_jax.data.lazy import LazyImages

BACKGROUND = 255


def to_rgb(image: Float[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
    """Return three channels as RGB, otherwise the first as grey; values are clipped to [0, 1], NaN becomes black."""
    channels = image if image.shape[-1] == 3 else np.repeat(image[..., :1], 3, axis=-1)
    return np.round(255 * np.clip(np.nan_to_num(channels, nan=0.0), 0, 1)).astype(np.uint8)


def choose_side(images: Shaped[np.ndarray, "n h w c"] | LazyImages, target: int) -> int:
    """Return the side of a cell in pixels: the multiple of the images' longer side nearest to `target`.

    For larger images the side is `target`.
    """
    longer = max(images.shape[1:3])
    return target if longer > target else longer * round(target / longer)


def fit_image(image: Float[np.ndarray, "h w c"], side: int) -> UInt8[np.ndarray, "side side 3"]:
    """Return the image scaled to fit the square and centred: pixels become squares, or are averaged when it shrinks."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resample = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    resized = np.asarray(Image.fromarray(to_rgb(image)).resize(size, resample))
    cell = np.full((side, side, 3), BACKGROUND, np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    cell[top : top + size[1], left : left + size[0]] = resized
    return cell


def tile_images(
    images: Float[np.ndarray, "n h w c"], *, num_columns: int, side: int, gap: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the images row by row in a grid of square cells on white; cells without an image stay white."""
    num_rows = math.ceil(len(images) / num_columns)
    step = side + gap
    tiled = np.full((num_rows * step - gap, num_columns * step - gap, 3), BACKGROUND, np.uint8)
    for i, image in enumerate(images):
        top, left = step * (i // num_columns), step * (i % num_columns)
        tiled[top : top + side, left : left + side] = fit_image(image, side)
    return tiled
