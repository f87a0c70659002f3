"""New images in the form that the encoder was trained on, by the rule that the model records.

Pixels are never rescaled by guess: values either have the recorded meaning, or are the same values in another type, or
are refused with both ranges.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from irl_inr_jax.data.fitting import fit_images
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.source import Source
from irl_inr_jax.data.subsets import sample_row_indices
from irl_inr_jax.deployment.image_input import as_many, open_images
from irl_inr_jax.deployment.model_bundle import InputRule, ModelBundle
from irl_inr_jax.deployment.pixel_rule import check_borders, check_contrast, check_finite_pixels, choose_conversion
from irl_inr_jax.types import InputError

MAX_BYTES = 500_000_000  # of images that are held in memory; more are read when they are used


class NewImages(NamedTuple):
    """New images. ids: (n,). images: (n, s, s, c), as stored for the encoder. source: before they were made squares.

    skipped: one line for each file that could not be read.
    """

    ids: np.ndarray
    images: np.ndarray | LazyImages
    source: Source
    skipped: tuple[str, ...]


def read_new_images(bundle: ModelBundle, what: object, *, max_unreadable: float) -> NewImages:
    """Return images of an array, a path or a list, prepared as those of the training were.

    max_unreadable: share of the files that may be unreadable, and are then in `skipped`; 0 keeps one row for each file.

    Raises InputError for another number of channels, another range of values, images larger than the largest of the
    training, and values that are not finite.
    """
    rule = bundle.input_rule
    source = convert_source(rule, open_images(as_many(what, rule.channels), max_unreadable=max_unreadable))
    check_sizes_fit(rule, source)
    images = LazyImages(
        lambda rows: fit_images(source.read(rows), rule.fit),
        (rule.fit.out_side, rule.fit.out_side, rule.channels),
        np.dtype(rule.dtype),
        np.arange(len(source.ids)),
    )
    return NewImages(source.ids, images.load() if images.nbytes <= MAX_BYTES else images, source, source.skipped)


def check_sizes_fit(rule: InputRule, source: Source) -> None:
    """Raise InputError for an image that is larger than the square on which the images of the training were padded."""
    largest = int(source.sizes.max(1).argmax())
    if rule.fit.side and source.sizes[largest].max() > rule.fit.side:
        height, width = source.sizes[largest]
        raise InputError(
            f"expected images of at most {rule.fit.side} pixels a side, the largest in training, found "
            f"{height}x{width} in {source.ids[largest]}; crop them, or reduce all images by one factor"
        )


def convert_source(rule: InputRule, source: Source) -> Source:
    """Return the source with the type and the channels of the rule. Raises InputError as `read_new_images`."""
    if source.channels != rule.channels and not (
        source.channels == 1 and rule.channels == 3 and source.files is not None
    ):
        raise InputError(
            f"expected images with {rule.channels} channel{'s' * (rule.channels > 1)}, as in training, found "
            f"{source.channels} in {source.name}; convert them"
        )
    rows = sample_row_indices(len(source.ids), 0)
    sample = [np.asarray(image) for image in source.read(rows)]
    for row, image in zip(rows, sample, strict=True):
        check_finite_pixels(image, str(source.ids[row]))
    convert = choose_conversion(rule, sample)
    check_contrast(rule, sample, convert)
    check_borders(rule, sample, convert)

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        images = source.read(rows)
        if isinstance(images, np.ndarray):
            return with_channels(convert(images), rule.channels)
        return [with_channels(convert(image), rule.channels) for image in images]

    return dataclasses.replace(source, dtype=np.dtype(rule.dtype), channels=rule.channels, read=read)


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Return grey images as colour images, as in a folder of both."""
    return images if images.shape[-1] == channels else np.repeat(images, channels, axis=-1)
