"""The pages that a TIFF file lists or promises, to notice those that are missing: tifffile passes over them."""

import logging
import struct
from typing import Any

import tifffile

from irl_inr_jax.data.readers.declared_sizes import is_expansion

# tifffile reports damage in lines of its own, beside the message that names the file and what to do.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def check_chain(file: tifffile.TiffFile) -> None:
    """Raise ValueError if the chain of a file's pages leads beyond its end or back, or if tifffile follows only a part.

    Each page has the position of the next; the last one has 0.
    """
    num_pages = count_directories(file)
    if num_pages > len(file.pages):
        raise ValueError(f"only {len(file.pages)} of its {num_pages} pages can be read")


def count_directories(file: tifffile.TiffFile) -> int:
    """Return the number of pages in the chain. Raises ValueError if it is broken."""
    layout, handle, size = file.tiff, file.filehandle, file.filehandle.size
    position, visited = file.pages.first.offset, set()
    while position:
        number = len(visited) + 1
        if position in visited:
            raise ValueError(f"page {number} leads back to an earlier one")
        if position + layout.tagnosize > size:
            raise ValueError(f"page {number} begins at byte {position} of {size}: the file was cut or is incomplete")
        visited.add(position)
        handle.seek(position)
        (num_tags,) = struct.unpack(layout.tagnoformat, handle.read(layout.tagnosize))
        end = position + layout.tagnosize + num_tags * layout.tagsize
        if end == size:  # some writers omit the last position
            break
        if end + layout.offsetsize > size:
            raise ValueError(f"page {number} ends at byte {end} of {size}: the file was cut or is incomplete")
        handle.seek(end)
        (position,) = struct.unpack(layout.offsetformat, handle.read(layout.offsetsize))
    return len(visited)


def check_promised(file: tifffile.TiffFile, parts: list[tifffile.TiffPageSeries]) -> None:
    """Raise ValueError if the metadata of ImageJ or OME promise more pages than there are."""
    for part in parts:
        missing = sum(page is None for page in part)
        if missing:
            raise ValueError(
                f"its OME metadata promise {len(part)} pages, of which {missing} are missing: files of the set are not "
                f"in this folder, or the file was cut"
            )
    found = sum(count_pages(part) for part in parts)
    promised = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if isinstance(promised, int) and promised > found:
        raise ValueError(f"its ImageJ metadata promise {promised} images, of which {found} can be read")


def check_data(page: Any) -> None:
    """Raise ValueError if the pixels of a page were never written, lie beyond the end of its file, or are far more.

    The declared size is checked before memory is allocated for it.
    """
    if page.dataoffsets and not any(page.databytecounts):
        raise ValueError("its pixels were never written")
    end = max((place + length for place, length in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0)
    if end > page.parent.filehandle.size:
        raise ValueError(f"its pixels end at byte {end} of {page.parent.filehandle.size}: the file was cut")
    declared, stored = int(page.keyframe.nbytes), sum(page.databytecounts)
    if is_expansion(declared, stored):
        raise ValueError(f"its {declared} bytes of pixels are stored in {stored}")


def count_pages(part: tifffile.TiffPageSeries) -> int:
    """Return the number of pages of a series, also if only the first one has a header."""
    return part.size // part.keyframe.size
