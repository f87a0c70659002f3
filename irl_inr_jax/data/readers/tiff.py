"""TIFF files of one image or of many pages, read by tifffile, which keeps all bits and channels."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from ml_collections import ConfigDict

from irl_inr_jax.data.pixels import apply_orientation, composite_on_black
from irl_inr_jax.data.readers.stacks import damaged, source_name, stack_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha that colours are and are not premultiplied with
_UNSIGNED = 1


def read_tiff_image(path: Path) -> np.ndarray | None:
    """Return the only image of a TIFF file, (h, w) or (h, w, c), composited on black, at full bit depth.

    Returns None if Pillow reads all its bits. Raises InputError for several pages, and tifffile's errors for a damaged
    file.
    """
    with tifffile.TiffFile(path) as file:
        parts = _image_series(file)
        num_images = sum(_num_images(part) for part in parts)
        if num_images > 1:
            raise InputError(
                f"config.data.path: expected one image in {path}, found {num_images} pages; "
                f"set config.data.path to the file itself, or remove it from the folder"
            )
        page = parts[0].keyframe
        return None if _is_plain(page) else _page_pixels(page)


def open_tiff(data: ConfigDict) -> Source:
    """Return the pages of the TIFF file config.data.path as images of one size, read on request.

    Raises InputError for damaged files, pages of different sizes or types, and channels in separate pages.
    """
    path = Path(data.path).expanduser()
    try:
        file = tifffile.TiffFile(path)
        parts = _image_series(file)
        first = _page_pixels(parts[0].keyframe)
        _check_pages(parts, path)
        # Contiguous pages are memory-mapped; ImageJ writes large stacks contiguously with only one header.
        mapped = _map_pages(parts[0], file, path) if _can_be_mapped(parts[0]) else None
    except InputError:
        raise
    except Exception as error:
        raise damaged(path, "a TIFF file of many pages", error) from None
    num_images = _num_images(parts[0])
    if mapped is not None:
        mapped = mapped.reshape(num_images, *first.shape)
        return stack_source(data, path, lambda rows: mapped[rows], shape=mapped.shape, dtype=mapped.dtype)

    pages, lock = parts[0].pages, threading.Lock()

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *first.shape), first.dtype)
        for index, row in enumerate(rows):
            try:
                with lock:
                    images[index] = _page_pixels(pages[int(row)])
            except Exception as error:
                raise damaged(path, f"an image in page {row + 1}", error) from None
        return images

    return stack_source(data, path, read, shape=(num_images, *first.shape), dtype=first.dtype)


def _image_series(file: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Return the page series of a file without the reduced copies that some programs add."""
    return [part for part in file.series if not part.keyframe.is_reduced]


def _num_images(part: tifffile.TiffPageSeries) -> int:
    return part.size // part.keyframe.size


def _check_pages(parts: list[tifffile.TiffPageSeries], path: Path) -> None:
    name = source_name(path)
    if len(parts) > 1:
        kinds = [f"{part.keyframe.shape} of {part.keyframe.dtype}" for part in parts[:2]]
        raise InputError(
            f"{name}: expected pages of one size and type, found {kinds[0]} and {kinds[1]}; "
            f"write each to a file in a folder"
        )
    part = parts[0]
    lengths = dict(zip(part.axes, part.shape, strict=True))
    others = part.size // part.keyframe.size // lengths.get("C", 1)
    if lengths.get("C", 1) > 1 and others > 1:
        raise InputError(
            f"{name}: expected one page per image, found {lengths['C']} channels in separate pages "
            f"(axes {part.axes} of lengths {part.shape}); write the channels last, as (images, h, w, channels)"
        )
    photometric = part.keyframe.photometric
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        raise InputError(
            f"{name}: expected grey or RGB pages, found {getattr(photometric, 'name', photometric)}; write them as RGB"
        )


def _can_be_mapped(part: tifffile.TiffPageSeries) -> bool:
    page = part.keyframe
    is_as_stored = page.photometric != _WHITE_IS_ZERO and not page.extrasamples and _orientation(page) == 1
    return part.dataoffset is not None and is_as_stored and not page.axes.startswith("S")


def _map_pages(part: tifffile.TiffPageSeries, file: tifffile.TiffFile, path: Path) -> np.memmap:
    return np.memmap(path, part.dtype.newbyteorder(file.byteorder), "r", part.dataoffset or 0, part.shape)


def _is_plain(page: Any) -> bool:
    """Return True for pages of at most 8 bits that Pillow can read. Raises ValueError for unsupported deep colours."""
    is_known = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    if page.bitspersample > 8 or page.sampleformat != _UNSIGNED:
        if is_known:
            return False
        raise ValueError(f"its colours are {page.photometric.name} of {page.bitspersample} bits")
    if not is_known:
        return True
    has_alpha = page.extrasamples in ((_ASSOCIATED,), (_UNASSOCIATED,))
    return page.samplesperpixel - has_alpha in (1, 3) and len(page.extrasamples) == has_alpha


def _page_pixels(page: Any) -> np.ndarray:
    """Return the pixels (h, w) or (h, w, c) in the recorded orientation, with 0 for black and without alpha."""
    pixels, page = page.asarray(), page.keyframe  # the key frame has the properties that all pages share
    if page.axes not in ("YX", "YXS", "SYX"):
        raise ValueError(f"expected pages of rows and columns, found axes {page.axes} of shape {pixels.shape}")
    pixels = np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels
    if page.photometric == _WHITE_IS_ZERO and pixels.dtype.kind in "bu":
        pixels = ~pixels if pixels.dtype.kind == "b" else pixels.dtype.type(2**page.bitspersample - 1) - pixels
    alpha = [index for index, kind in enumerate(page.extrasamples) if kind in (_ASSOCIATED, _UNASSOCIATED)]
    if alpha:
        channel = pixels.shape[2] - len(page.extrasamples) + alpha[0]
        colours = np.delete(pixels, channel, axis=2)
        is_premultiplied = page.extrasamples[alpha[0]] == _ASSOCIATED
        pixels = colours if is_premultiplied else composite_on_black(colours, pixels[:, :, channel])
    return apply_orientation(pixels, _orientation(page))


def _orientation(page: Any) -> int:
    tag = page.tags.get("Orientation")
    return 1 if tag is None else int(tag.value)
