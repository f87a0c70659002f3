"""An image file as an array at full bit depth; Pillow's conversions silently reduce 16 bits to 8."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import ExifTags, Image, ImageOps

from irl_inr_jax.data.pixels import apply_orientation, as_pixels, composite_on_black, is_channels_first
from irl_inr_jax.data.readers.fits import FITS_ENDINGS, read_fits_image
from irl_inr_jax.data.readers.mrc import COMPRESSED_MRC_ENDINGS, read_mrc_image
from irl_inr_jax.data.readers.tiff import read_tiff_image
from irl_inr_jax.types import InputError

IMAGE_EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".bmp", ".tif", ".tiff", ".gif", ".webp"),
    *(".pgm", ".ppm", ".pnm", ".pbm"),
)
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_JPEG_2000_STARTS = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")
_PNM_HEADER = re.compile(rb"P[2356]\s+(?:#[^\n]*\n\s*)*\d+\s+(?:#[^\n]*\n\s*)*\d+\s+(?:#[^\n]*\n\s*)*(\d+)\s")
_PNG_START = b"\x89PNG\r\n\x1a\n"


class EncodedFile(io.BytesIO):
    """The content of an image file, with the methods of a path that the decoders use."""

    def open(self, mode: str) -> io.BytesIO:
        """Return the content as a file."""
        return io.BytesIO(self.getvalue())

    def read_bytes(self) -> bytes:
        """Return the whole content."""
        return self.getvalue()


ImageFile = Path | EncodedFile


class UnreadableImage(InputError):
    """An image file that is missing, damaged or of another kind. reason: the cause in a few words."""

    def __init__(self, path: Path, reason: str):
        super().__init__(
            f"config.data.path: expected a readable image in {path}, found none ({reason}); "
            f"replace the file or remove it from the folder"
        )
        self.reason = reason


def read_image(path: Path) -> np.ndarray:
    """Return the image of a file, (h, w, c): bool, uint8 and uint16 as stored, all other types as float32.

    c is 1 if all pixels of an RGB image are grey, otherwise the number of stored channels without alpha. The recorded
    Exif or TIFF orientation is applied, palettes are resolved, and transparent images are composited on black. An
    animation yields its first frame.

    Raises UnreadableImage with the file's name if it cannot be read, and InputError for a file of several images and
    for a missing package.
    """
    if not path.is_file():  # reading a pipe would wait for a writer
        raise UnreadableImage(path, _reason(path, OSError()))
    try:
        pixels = _READERS.get(find_ending(path, _READERS), _read_by_content)(path)
        pixels = as_pixels(pixels if pixels.ndim == 3 else pixels[:, :, None], f"config.data.path ({path})")
    except InputError:
        raise
    # Decoders raise many kinds of error for a damaged file.
    except Exception as error:
        raise UnreadableImage(path, _reason(path, error)) from None
    return _merge_equal_channels(pixels)


def decode_image(content: bytes, path: Path) -> np.ndarray:
    """Return the image of a file with this content as `read_image` does. path: its name in messages."""
    try:
        pixels: np.ndarray = _read_by_content(EncodedFile(content))
        pixels = as_pixels(pixels if pixels.ndim == 3 else pixels[:, :, None], f"config.data.path ({path})")
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) if content else "an empty file"
        raise UnreadableImage(path, reason or type(error).__name__) from None
    return _merge_equal_channels(pixels)


def _merge_equal_channels(pixels: np.ndarray) -> np.ndarray:
    is_grey = pixels.shape[2] == 3 and (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, :1] if is_grey else pixels


def find_ending(path: Path, endings: Iterable[str]) -> str:
    """Return the longest of `endings` with which the file's name ends in any case, such as .fits.gz; '' without one."""
    return max((ending for ending in endings if path.name.lower().endswith(ending)), key=len, default="")


def _reason(path: Path, error: Exception) -> str:
    if not path.exists():
        return "no such file"
    if path.is_dir():
        return "a folder"
    if not path.is_file():
        return "a pipe or a device"
    if path.stat().st_size == 0:
        return "an empty file"
    return " ".join(str(error).replace(str(path), path.name).split()) or type(error).__name__


def _read_by_content(path: ImageFile) -> np.ndarray:
    """Return the pixels of a file whose format is detected from its first bytes, not from its name."""
    with path.open("rb") as file:
        start = file.read(26)
    if start[:4] in _TIFF_STARTS:
        pixels = read_tiff_image(path)
        return _read_with_pillow(path) if pixels is None else pixels
    if start[:8] == _PNG_START and start[24:25] == b"\x10":  # 16 bits per channel
        return _read_16_bit_png(path)
    if start.startswith(_JPEG_2000_STARTS):
        return _without_alpha(imagecodecs.jpeg2k_decode(path.read_bytes()))
    if start[:1] == b"P":
        _check_pnm_depth(path)
    return _read_with_pillow(path)


def _read_with_pillow(path: ImageFile) -> np.ndarray:
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F"):
        return np.array(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _read_16_bit_png(path: ImageFile) -> np.ndarray:
    """Return a PNG of 16 bits per channel, of which Pillow would drop 8 for RGB and alpha."""
    with Image.open(path) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    pixels = imagecodecs.png_decode(path.read_bytes())  # a transparent colour becomes an alpha channel
    return apply_orientation(_without_alpha(pixels), orientation)


def _without_alpha(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        return composite_on_black(pixels[:, :, :-1], pixels[:, :, -1])
    return pixels


def _check_pnm_depth(path: ImageFile) -> None:
    """Raise ValueError for a PGM or PPM file whose values Pillow would scale."""
    with path.open("rb") as file:
        header = _PNM_HEADER.match(file.read(4096))
    kept = ("255",) if header and header[0][1:2] in b"36" else ("255", "65535")
    if header and header[1].decode() not in kept:
        raise ValueError(f"expected a largest value of {' or '.join(kept)}, found {header[1].decode()}; convert to PNG")


def _read_npy(path: Path) -> np.ndarray:
    pixels = np.load(path, allow_pickle=False)
    if pixels.ndim not in (2, 3) or pixels.size == 0:
        raise ValueError(f"expected an array of shape (h, w) or (h, w, c), found {pixels.shape}")
    if pixels.ndim == 3 and pixels.shape[0] > 4 and pixels.shape[1] == pixels.shape[2]:
        raise InputError(
            f"config.data.path: expected one image of shape (h, w) or (h, w, c) in {path}, found {pixels.shape}, which "
            f"looks like {pixels.shape[0]} images; set config.data.path to the file itself"
        )
    if pixels.ndim == 3 and is_channels_first(pixels.shape):
        raise ValueError(f"expected an array of shape (h, w, c), found {pixels.shape}, which looks like (c, h, w)")
    return pixels


_READERS = {
    ".npy": _read_npy,
    **dict.fromkeys(FITS_ENDINGS, read_fits_image),
    **dict.fromkeys((".mrc", *COMPRESSED_MRC_ENDINGS), read_mrc_image),
}
EXTENSIONS = (*IMAGE_EXTENSIONS, *_READERS)
