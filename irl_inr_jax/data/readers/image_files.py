"""One image file as an array, without losing bits on the way: Pillow's own conversions cut 16 bits to 8 silently."""

from pathlib import Path

import numpy as np
import png
from PIL import ExifTags, Image, ImageOps

from irl_inr_jax.data.pixels import as_pixels, composite_on_black, apply_orientation
from irl_inr_jax.data.readers.tiff import read_tiff_image
from irl_inr_jax.data.readers.volumes import read_fits_image, read_mrc_image
from irl_inr_jax.types import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PNG_START = b"\x89PNG\r\n\x1a\n"


class UnreadableImage(InputError):
    """An image file that is missing, damaged or of another kind. reason: why, in a few words."""

    def __init__(self, path: Path, reason: str):
        super().__init__(
            f"config.data.path: expected an image in {path}, found one that cannot be read ({reason}); "
            f"replace the file or take it out of the folder"
        )
        self.reason = reason


def read_image(path: Path) -> np.ndarray:
    """The image of a file as (h, w, c): bool, uint8 and uint16 as they are stored, all other numbers as float32.

    c is 1 where all of three colours are grey, else what is stored without opacity. The way up that a camera recorded
    is applied, palettes are looked up and transparency is laid on black. Of a moving picture it is the first frame.

    Raises UnreadableImage, naming the file, if it cannot be read, and InputError for a file of several images and for
    a package that its format needs.
    """
    try:
        pixels = _READERS.get(path.suffix.lower(), _read_picture)(path)
        pixels = as_pixels(pixels if pixels.ndim == 3 else pixels[:, :, None], f"config.data.path ({path})")
    except InputError:
        raise
    # A damaged file can raise whatever its decoder stumbles over.
    except Exception as error:
        raise UnreadableImage(path, _reason(path, error)) from None
    is_grey = pixels.shape[2] == 3 and (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, :1] if is_grey else pixels


def _reason(path: Path, error: Exception) -> str:
    if not path.exists():
        return "there is no such file"
    if path.is_dir():
        return "it is a folder"
    if path.stat().st_size == 0:
        return "it is empty"
    return " ".join(str(error).replace(str(path), path.name).split()) or type(error).__name__


def _read_picture(path: Path) -> np.ndarray:
    """By its content, as a name may lie about the format."""
    with path.open("rb") as file:
        start = file.read(26)
    if start[:4] in _TIFF_STARTS:
        pixels = read_tiff_image(path)
        return _read_with_pillow(path) if pixels is None else pixels
    # Bytes 24 and 25 of a PNG are its bits and its kind of colour; 0 is grey without opacity.
    if start[:8] == _PNG_START and start[24:25] == b"\x10" and start[25:26] != b"\x00":
        return _read_deep_png(path)
    return _read_with_pillow(path)


def _read_with_pillow(path: Path) -> np.ndarray:
    with Image.open(path) as file:
        file_format, image = file.format, ImageOps.exif_transpose(file)
    # Older Pillows open a PNG of 16 bits in their mode for 32.
    if image.mode.startswith("I;16") or (image.mode == "I" and file_format == "PNG"):
        pixels = np.asarray(image).astype(np.uint16)
        hidden = image.info.get("transparency")
        return pixels if hidden is None else np.where(pixels == hidden, np.uint16(0), pixels)
    if image.mode in ("I", "F"):
        return np.array(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _read_deep_png(path: Path) -> np.ndarray:
    """Colours, or opacity, of 16 bits, which Pillow reads by their upper 8."""
    with Image.open(path) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    width, height, rows, info = png.Reader(bytes=path.read_bytes()).read()
    pixels = np.array(list(rows), np.uint16).reshape(height, width, info["planes"])
    if info["alpha"]:
        pixels = composite_on_black(pixels[:, :, :-1], pixels[:, :, -1])
    elif "transparent" in info:
        is_hidden = (pixels == np.array(info["transparent"])).all(-1, keepdims=True)
        pixels = np.where(is_hidden, np.uint16(0), pixels)
    return apply_orientation(pixels, orientation)


def _read_npy(path: Path) -> np.ndarray:
    pixels = np.load(path, allow_pickle=False)
    if pixels.ndim not in (2, 3) or pixels.size == 0:
        raise ValueError(f"expected an array of shape (h, w) or (h, w, c), found {pixels.shape}")
    if pixels.ndim == 3 and pixels.shape[0] <= 4 < min(pixels.shape[1:]):
        raise ValueError(f"expected an array of shape (h, w, c), found {pixels.shape}, which looks like (c, h, w)")
    if pixels.ndim == 3 and pixels.shape[1] == pixels.shape[2]:
        raise InputError(
            f"config.data.path: expected one image of shape (h, w) or (h, w, c) in {path}, found {pixels.shape}, which "
            f"looks like {pixels.shape[0]} images; set config.data.path to the file itself"
        )
    return pixels


_READERS = {".npy": _read_npy, ".fits": read_fits_image, ".fit": read_fits_image, ".mrc": read_mrc_image}
EXTENSIONS = (*PICTURES, *_READERS)
