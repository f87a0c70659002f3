"""Encode arrays and text for a page, so that no content can end the script that contains it."""

import base64
import json
from typing import Any

import numpy as np

DTYPES = ("uint8", "uint16", "int32", "float32")
# In JSON these characters occur in strings only, where their escapes mean the same. "<" could end the script, and the
# two separators are line ends to JavaScript but not to JSON.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def pack_array(values: np.ndarray) -> dict[str, Any]:
    """Return {dtype, shape, data}, with the values as base64 of little-endian numbers; dtype is one of `DTYPES`."""
    if str(values.dtype) not in DTYPES:
        raise TypeError(f"expected an array of {', '.join(DTYPES)}, found {values.dtype}")
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return {
        "dtype": str(values.dtype),
        "shape": list(values.shape),
        "data": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def encode_json(content: Any) -> str:
    """Return `content` as JSON for the inside of a script element.

    NaN and infinite numbers become null, and surrogates without a partner, which no encoding of text has, become "?".
    """
    text = json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text.encode("utf-8", "replace").decode("utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
