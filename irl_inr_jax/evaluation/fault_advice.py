"""Advice on faults of the images, before training."""

import numpy as np

from irl_inr_jax.data.faults import (
    Box,
    find_blank,
    find_duplicates,
    find_fixed_boxes,
    find_fixed_mark,
    find_frame,
    find_opposite_backgrounds,
    is_darker_inside,
)
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.types import Dataset, ImageSet

NUM_NAMED = 3
MAX_SIZE_RATIO = 8
MAX_MASKED = 4


def find_faults(dataset: Dataset, sample: ImageSet, *, same_scale: bool) -> list[str]:
    """Return one line per fault of the training images that spoils a run, with what to do about it.

    Blank images and duplicates are searched among all images in memory; among `sample` if they are streamed.
    same_scale: `config.data.same_scale`.
    """
    unit = np.asarray(to_unit(dataset.scaling, sample.images))
    frame = find_frame(unit)
    searched = sample if isinstance(dataset.train.images, LazyImages) else dataset.train
    return [
        # A frame is taken for the background, so nothing can be said on either.
        *(advise_on_frame(frame) if frame else advise_on_mark(unit)),
        *([] if frame else advise_on_background(unit, sample.ids, low=dataset.scaling.low)),
        *([] if dataset.side_range is None or not same_scale else advise_on_sizes(dataset.side_range)),
        *advise_on_copies(searched, is_sample=searched is not dataset.train),
    ]


def advise_on_frame(width: int) -> list[str]:
    """Return the advice on a frame of this width in pixels."""
    pixels = "1 pixel" if width == 1 else f"{width} pixels"
    return [
        f"nearly all images have a frame of {pixels} along the border, which is taken for the background and reveals "
        "the rotation: crop it from the files, or set config.data.crop=circle and config.data.background to a number"
    ]


def advise_on_mark(unit: np.ndarray) -> list[str]:
    """Return the advice on something that is fixed in all images; unit: (n, h, w, c) in [low, 1]."""
    box = find_fixed_mark(unit)
    if box is None:
        return []
    mask = make_mask(find_fixed_boxes(unit), unit.shape[1])
    if mask:
        return [
            f"nearly all images show the same in rows {box.top} to {box.bottom}, columns {box.left} to {box.right}, "
            f"such as a scale bar or a time stamp: it reveals the rotation. config.data.mask={mask} makes it background"
        ]
    return [
        f"nearly all images show the same in rows {box.top} to {box.bottom}, columns {box.left} to {box.right}, such "
        "as a scale bar, a time stamp or a box: it reveals the rotation. Crop it from the files, or set "
        "config.data.crop=circle if it is outside the inscribed circle"
    ]


def make_mask(boxes: list[Box], side: int) -> tuple[int, ...]:
    """Return config.data.mask for these boxes with a margin of 1 pixel; () if it would cover objects.

    At most `MAX_MASKED` boxes away from the centre that take a quarter of the image are covered.
    """
    grown = [
        Box(max(top - 1, 0), min(bottom + 1, side - 1), max(left - 1, 0), min(right + 1, side - 1))
        for top, bottom, left, right in boxes
    ]
    area = sum((box.bottom - box.top + 1) * (box.right - box.left + 1) for box in grown)
    is_central = any(box.top <= side / 2 <= box.bottom and box.left <= side / 2 <= box.right for box in grown)
    if len(grown) > MAX_MASKED or area > side**2 / 4 or is_central:
        return ()
    return tuple(number for box in grown for number in box)


def advise_on_background(unit: np.ndarray, ids: np.ndarray, *, low: float) -> list[str]:
    """Return the advice on backgrounds that are not 0, and on objects darker than the background."""
    opposite = find_opposite_backgrounds(unit)
    if len(opposite) > len(unit) / 2:
        return [
            "the background of most images is bright and is not recognised as background: set "
            "config.data.background=auto, or to its value"
        ]
    if len(opposite):
        return [
            f"{len(opposite)} of {len(unit)} sampled images have the opposite background, dark instead of bright or "
            f"bright instead of dark ({name_rows(opposite, ids)}): invert these files or leave them out"
        ]
    if low < 0 and is_darker_inside(unit):
        return ["objects are darker than the background: config.data.invert=True makes them bright"]
    return []


def advise_on_sizes(side_range: tuple[int, int]) -> list[str]:
    """Return the advice on images whose sizes differ so much that the small ones become a few pixels."""
    smallest, largest = side_range
    if largest <= MAX_SIZE_RATIO * smallest:
        return []
    return [
        f"the longer sides are from {smallest} to {largest} pixels, so that the smallest images become a few pixels: "
        "config.data.same_scale=False with config.data.resize=64 makes each image fill the square"
    ]


def advise_on_copies(images: ImageSet, *, is_sample: bool) -> list[str]:
    """Return the advice on blank images and duplicates, with the first of their ids."""
    lines, number = [], f"{len(images.ids):,} {'sampled ' if is_sample else ''}images"
    blank, duplicates = find_blank(images.images), find_duplicates(images.images)
    if len(blank):
        lines.append(
            f"{len(blank):,} of {number} are blank ({name_rows(blank, images.ids)}): check how they were read, or "
            "leave them out"
        )
    if duplicates:
        first, original = next(iter(duplicates.items()))
        others = name_rows(np.array(list(duplicates)), images.ids)
        lines.append(
            f"{len(duplicates):,} of {number} are equal to an earlier one ({others}; {images.ids[first]} equals "
            f"{images.ids[original]}): leave copies out, since they count as a dense cluster"
        )
    return lines


def name_rows(rows: np.ndarray, ids: np.ndarray) -> str:
    """Return the ids of the first few rows, with … if there are more."""
    named = ", ".join(str(ids[row]) for row in rows[:NUM_NAMED])
    return f"{named}, …" if len(rows) > NUM_NAMED else named
