"""One image file as an array, without losing bits on the way: Pillow's own conversions cut 16 bits to 8 silently."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from irl_inr_jax.types import InputError


def read_image(path: Path) -> np.ndarray:
    """The first frame of an image file, (h, w, 1) where all its colours are grey and (h, w, 3) where not.

    The way up that a camera recorded is applied, palettes are looked up and transparency is laid on black. uint8; grey
    files of 16 bits uint16, of more int32 or float32. Pillow reads colour files of 16 bits by their upper 8.

    Raises InputError, naming the file, if it cannot be read.
    """
    try:
        with Image.open(path) as image:
            pixels = _to_array(ImageOps.exif_transpose(image), image.format)
    # A damaged file can raise whatever its decoder stumbles over.
    except Exception as error:
        empty = path.is_file() and path.stat().st_size == 0
        reason = "it is empty" if empty else " ".join(str(error).split())
        raise InputError(
            f"config.data.path: expected an image in {path}, found one that cannot be read ({reason}); "
            f"replace the file or take it out of the folder"
        ) from None
    if pixels.ndim == 2:
        return pixels[:, :, None]
    is_grey = (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, :1] if is_grey else pixels


def _to_array(image: Image.Image, file_format: str) -> np.ndarray:
    """Grey as (h, w), all else as (h, w, 3)."""
    # Older Pillows open a PNG of 16 bits in their mode for 32.
    if image.mode.startswith("I;16") or (image.mode == "I" and file_format == "PNG"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F"):
        return np.array(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))
