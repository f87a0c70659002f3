"""Conversion of published labels, numbers or strings of any layout, to classes 0..k-1 and back to names."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from irl_inr_jax.types import InputError

NO_CLASS = "none"  # name of the class of an image in none of the classes of a table of zeros and ones
_MAX_INTEGER = 2.0**63


def flatten_labels(values: np.ndarray, num_images: int, source: str) -> Shaped[np.ndarray, "n"]:
    """Return one label for each of `num_images` images: integers with -1, or strings with '', for a missing label.

    values: one label per image, of shape (N,), (N, 1) or (1, N), of the types of `to_labels`; or zeros and ones of
    shape (N, k) or (k, N) for k classes. If each image is in one class, that is its label; otherwise the set of its
    classes is, such as '0+3' or 'none'.

    Raises InputError for other shapes and types.
    """
    values = np.asarray(values)
    if values.size == num_images and num_images in values.shape:
        return to_labels(values.reshape(num_images), source)
    is_matrix = values.ndim == 2 and num_images in values.shape and values.dtype.kind in "biuf"
    if is_matrix and values.any() and np.isin(values, (0, 1)).all():
        return _classes_of_indicators(values if len(values) == num_images else values.T)
    found = len(values) if values.ndim == 1 else f"an array of shape {values.shape}"
    raise InputError(f"{source}: expected one label for each of the {num_images} images, found {found}")


def to_labels(values: Shaped[np.ndarray, "n"], source: str) -> Shaped[np.ndarray, "n"]:
    """Convert numbers or strings to labels: integers with -1 for NaN, or strings without blanks around them.

    Booleans become the strings False and True, integers beyond 64 bits with sign their digits; bytes are in UTF-8.
    Raises InputError for fractions, floats beyond 64-bit integers and other types.
    """
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(str)
    if kind in "iu":
        # Larger numbers are identifiers, as in tables.
        is_large = kind == "u" and values.size > 0 and int(values.max()) >= _MAX_INTEGER
        return values.astype(str) if is_large else values.astype(np.int64)
    if kind == "f":
        return _integers(values, source)
    if kind == "O" and all(isinstance(value, str) for value in values.tolist()):
        return np.char.strip(values.astype(str))
    if kind in "SU":
        return np.char.strip(to_text(values, source))
    raise InputError(f"{source}: expected integers or strings as labels, found the type {values.dtype}")


def to_text(values: np.ndarray, source: str) -> np.ndarray:
    """Return an array of any type as strings; bytes are UTF-8. Raises InputError for bytes that are not."""
    if values.dtype.kind != "S":
        return values.astype(str)
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: expected text in UTF-8, found {error.object[:40]!r}; write it in UTF-8") from None


def _integers(values: np.ndarray, source: str) -> np.ndarray:
    filled = np.where(np.isnan(values), -1, values).astype(np.float64)
    with np.errstate(invalid="ignore"):
        invalid = filled[(filled != np.rint(filled)) | (np.abs(filled) >= _MAX_INTEGER)]
    if len(invalid):
        raise InputError(f"{source}: expected integers or strings as labels, found {invalid[0]:g}")
    return filled.astype(np.int64)


def _classes_of_indicators(indicators: Shaped[np.ndarray, "n k"]) -> np.ndarray:
    is_member = indicators.astype(bool)
    if (is_member.sum(axis=1) == 1).all():
        return is_member.argmax(axis=1)
    sets, inverse = np.unique(is_member, axis=0, return_inverse=True)
    names = ["+".join(map(str, np.flatnonzero(row))) or NO_CLASS for row in sets]
    return np.array(names)[inverse.ravel()]


def encode_labels(
    splits: Sequence[np.ndarray | None], *, source: str
) -> tuple[list[np.ndarray | None], tuple[str, ...]]:
    """Return the labels of each split as (N,) int32 in 0..k-1, and the k class names.

    Classes are the values that occur in any split, numbers in increasing and strings in alphabetical order; a class is
    named by its value. Labels -1 and '' mean no label and become -1. A split without labels stays None, and the names
    are () if no split has labels.

    Raises InputError unless each image has one integer or string, of the same kind in all splits.
    """
    known = [np.asarray(labels) for labels in splits if labels is not None]
    if not known:
        return [None for _ in splits], ()
    for labels in known:
        if labels.ndim != 1:
            raise InputError(f"{source}: expected labels of shape (N,), found shape {labels.shape}")
    readable = [to_labels(labels, source) for labels in known]
    if len({labels.dtype.kind in "iu" for labels in readable}) > 1:
        raise InputError(f"{source}: expected numbers or strings as labels of both splits, found one of each")
    missing = -1 if readable[0].dtype.kind in "iu" else ""
    values = np.unique(np.concatenate(readable))
    values = values[values != missing]
    if len(values) == 0:
        return [None for _ in splits], ()
    codes = iter(
        np.where(labels == missing, -1, np.searchsorted(values, labels)).astype(np.int32) for labels in readable
    )
    return [None if labels is None else next(codes) for labels in splits], tuple(str(value) for value in values)


def find_class(wanted: int | str, class_names: tuple[str, ...]) -> int:
    """Return the class named `wanted`, or class number `wanted` if no class is named by a number.

    Raises InputError, with the known classes.
    """
    if str(wanted) in class_names:
        return class_names.index(str(wanted))
    has_word_names = not any(name.lstrip("-").isdigit() for name in class_names)
    if has_word_names and isinstance(wanted, int) and 0 <= wanted < len(class_names):
        return wanted
    names = ", ".join(class_names) or "none, as the images have no labels"
    raise InputError(f"config.data.exclude_classes: expected classes among {names}; found {wanted!r}")
