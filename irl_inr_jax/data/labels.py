"""Conversion of published labels, numbers or strings, to classes 0..k-1 and back to names."""

from collections.abc import Sequence

import numpy as np

from irl_inr_jax.types import InputError


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
        if labels.ndim != 1 or labels.dtype.kind not in "iuSU":
            raise InputError(
                f"{source}: expected labels of shape (N,) that are integers or strings, found shape "
                f"{labels.shape} and type {labels.dtype}"
            )
    if len({labels.dtype.kind in "iu" for labels in known}) > 1:
        raise InputError(f"{source}: expected numbers or strings as labels of both splits, found one of each")
    readable = [labels.astype(str) if labels.dtype.kind == "S" else labels for labels in known]
    missing = -1 if known[0].dtype.kind in "iu" else ""
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
