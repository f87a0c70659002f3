"""One image as a file of its own type: PNG for 8 and 16 bits, TIFF for all others."""

from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from jaxtyping import Shaped

_PNG_CHANNELS = (1, 3, 4)


def choose_suffix(dtype: np.dtype, channels: int) -> str:
    """Return '.png' for integers of 8 or 16 bits that are grey or colours, and '.tif' for everything else."""
    is_integer = np.dtype(dtype) in (np.dtype(np.uint8), np.dtype(np.uint16))
    return ".png" if is_integer and channels in _PNG_CHANNELS else ".tif"


def write_image(path: Path, pixels: Shaped[np.ndarray, "h w c"]) -> None:
    """Write the pixels without loss in their own type, as the suffix .png or .tif of `path` says."""
    pixels = np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(pixels))
        return
    colour = "rgb" if pixels.ndim == 3 and pixels.shape[-1] == 3 else "minisblack"
    tifffile.imwrite(path, pixels, photometric=colour, planarconfig=None if pixels.ndim == 2 else "contig")
