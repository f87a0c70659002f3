"""File names made from ids: safe on every system, and unique."""

import re
import unicodedata
from collections.abc import Sequence

_UNSAFE = re.compile(r"[^\w.\-+=@ ]")  # \w includes the letters of all scripts
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # of Windows
_MAX_BYTES = 180  # most file systems allow 255


def make_file_names(ids: Sequence[str], suffixes: Sequence[str]) -> list[str]:
    """Return one file name per id, such as lot_7_w12.png for lot/7/w12.png, with the suffix that it is given.

    Path separators and other characters with a meaning to file systems become underscores. A suffix that the id has
    already is not repeated. Names that differ in nothing but case, or not at all, are numbered: a.png, a_2.png.
    """
    names, taken = [], set()
    for image_id, suffix in zip(ids, suffixes, strict=True):
        stem = _clean(str(image_id).removesuffix(suffix))
        name, number = f"{stem}{suffix}", 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}_{number}{suffix}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _clean(text: str) -> str:
    stem = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip(" .") or "image"
    stem = f"_{stem}" if _RESERVED.match(stem) else stem
    return stem.encode()[:_MAX_BYTES].decode(errors="ignore")
