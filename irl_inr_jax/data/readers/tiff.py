"""TIFF files of one image or of many pages, read by tifffile, which keeps all bits and channels."""

import dataclasses
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from ml_collections import ConfigDict

from irl_inr_jax.data.pixels import apply_orientation, composite_on_black
from irl_inr_jax.data.readers.stacks import damaged, source_name, stack_source
from irl_inr_jax.data.readers.tiff_directories import check_chain, check_data, check_promised, count_pages
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha that colours are and are not premultiplied with
_UNSIGNED = 1


def read_tiff_image(file: Path | io.BytesIO) -> np.ndarray | None:
    """Return the only image of a TIFF file, (h, w) or (h, w, c), composited on black, at full bit depth.

    Returns None if Pillow reads all its bits. Raises InputError for several pages, and ValueError or tifffile's errors
    for a damaged file.
    """
    # A file of an OME set states the pages of all files; here it is one image of its own.
    with tifffile.TiffFile(file, is_ome=False) as opened:
        check_chain(opened)
        parts = _image_series(opened)
        num_images = sum(count_pages(part) for part in parts)
        if num_images > 1:
            name = file if isinstance(file, Path) else "an embedded TIFF file"
            raise InputError(
                f"config.data.path: expected one image in {name}, found {num_images} pages; "
                f"set config.data.path to the file itself, or remove it from the folder"
            )
        page = parts[0].keyframe
        check_data(page)
        return None if _is_plain(page) else _page_pixels(page)


def open_tiff(data: ConfigDict) -> Source:
    """Return the pages of the TIFF file config.data.path as images of one size, read on request.

    Pages that were written one by one are the images too, and a file of an OME set stands for the whole set.

    Raises InputError for damaged and incomplete files and sets, pages of different sizes or types, and channels in
    separate pages.
    """
    path = Path(data.path).expanduser()
    try:
        file = tifffile.TiffFile(path)
        check_chain(file)
        parts = _image_series(file)
        check_promised(file, parts)
        check_data(parts[0].keyframe)
        first = _page_pixels(parts[0].keyframe)
        _check_pages(parts, path)
        # Contiguous pages are memory-mapped; ImageJ writes large stacks contiguously with only one header.
        is_contiguous = len(parts) == 1 and parts[0].dataoffset is not None
        mapped = _map_pages(parts[0], file, path) if is_contiguous else None
        pages = [] if is_contiguous else _pages_in_order(parts)
        for page in pages:
            check_data(page)
    except InputError:
        raise
    except Exception as error:
        raise damaged(path, "a TIFF file of many pages", error) from None
    keyframe, lock = parts[0].keyframe, threading.Lock()
    num_images = len(pages) if mapped is None else len(mapped)

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *first.shape), first.dtype)
        for index, row in enumerate(rows):
            try:
                if mapped is not None:
                    images[index] = _convert(mapped[row], keyframe)
                    continue
                with lock:
                    images[index] = _page_pixels(pages[int(row)])
            except Exception as error:
                raise damaged(path, f"an image in page {row + 1}", error) from None
        return images

    source = stack_source(data, path, read, shape=(num_images, *first.shape), dtype=first.dtype)
    if not parts[0].is_multifile:
        return source
    places = [(page.parent.filehandle.path, page.index) for page in pages]
    files, indices = zip(*places, strict=True)
    return dataclasses.replace(source, files=np.array(files), pages=np.array(indices))


def _image_series(file: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Return the page series of a file without the reduced copies that some programs add."""
    return [part for part in file.series if not part.keyframe.is_reduced]


def _pages_in_order(parts: list[tifffile.TiffPageSeries]) -> list[Any]:
    """Return all pages; those of several series, which differ in their compression, are in the order of the file."""
    pages = [page for part in parts for page in part]
    return pages if len(parts) == 1 else sorted(pages, key=lambda page: np.atleast_1d(page.index).tolist())


def _check_pages(parts: list[tifffile.TiffPageSeries], path: Path) -> None:
    name = source_name(path)
    kinds = list(dict.fromkeys(_kind(part.keyframe) for part in parts))
    if len(kinds) > 1:
        raise InputError(
            f"{name}: expected pages of one size and type, found {kinds[0]} and {kinds[1]}; "
            f"write each to a file in a folder"
        )
    part = parts[0]
    lengths = dict(zip(part.axes, part.shape, strict=True))
    others = sum(count_pages(part) for part in parts) // lengths.get("C", 1)
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


def _kind(page: Any) -> str:
    """Return shape and type of a page, and how its values are to be read where that is not the common way."""
    photometric = page.photometric
    colours = "" if photometric in (_BLACK_IS_ZERO, _RGB) else f" ({getattr(photometric, 'name', photometric)})"
    turned = "" if _orientation(page) == 1 else f" in orientation {_orientation(page)}"
    return f"{page.shape} of {page.dtype}{colours}{turned}"


def _map_pages(part: tifffile.TiffPageSeries, file: tifffile.TiffFile, path: Path) -> np.ndarray:
    """Return the pages (N, ...) of a contiguous series as they are stored."""
    shape = (count_pages(part), *part.keyframe.shape)
    return np.memmap(path, part.dtype.newbyteorder(file.byteorder), "r", part.dataoffset or 0, shape)


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
    """Return the pixels (h, w) or (h, w, c) of a page as `_convert`."""
    handle = page.parent.filehandle
    is_closed = handle.closed  # as are all files of a set except the first
    if is_closed:
        handle.open()
    try:
        return _convert(page.asarray(), page.keyframe)  # the key frame has the properties that all pages share
    finally:
        if is_closed:
            handle.close()


def _convert(pixels: np.ndarray, page: Any) -> np.ndarray:
    """Return stored pixels as (h, w) or (h, w, c) in the recorded orientation, with 0 for black and without alpha."""
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
