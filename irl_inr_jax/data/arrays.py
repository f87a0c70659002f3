"""The contract of every data set: loose arrays in, a checked `ImageSet` or `Dataset` out.

Letters in shapes: `N` images of a split, `h w c` rows, columns and channels. Images become square by a border of 0,
never by stretching, since a turn must not change their shape.
"""

import numpy as np

from irl_inr_jax.data.scaling import find_scaling
from irl_inr_jax.types import Dataset, ImageSet, InputError


def make_image_set(
    images: np.ndarray, ids: np.ndarray, labels: np.ndarray | None, *, source: str, side: int = 0
) -> ImageSet:
    """One split out of loose arrays.

    images: (N, h, w) or (N, h, w, c), kept as bool, uint8 or uint16, any other numbers as float32. They are centred on
        a square of `side` pixels, or of their longer edge where `side` is 0.
    ids: (N,) strings, or whole numbers that become strings. labels: (N,) classes from `labels.encode_labels`, or None.
    source: what messages call the images: the configuration key and the file.

    Raises InputError for another rank, no images, values that are no finite numbers, too small a side, and for ids
    or labels that do not fit the images.
    """
    images, ids = np.asarray(images), np.asarray(ids)
    _check_shape(images, source)
    _check_ids(ids, len(images), source)
    ids = ids.astype(str)
    if labels is not None and len(labels) != len(images):
        raise InputError(f"{source}: expected one label for each of the {len(images)} images, found {len(labels)}")
    images = _as_pixels(images if images.ndim == 4 else images[..., None], source)
    if images.dtype == np.float32 and not np.isfinite(images).all():
        bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
        raise InputError(
            f"{source}: expected finite numbers, found NaN or infinity in {len(bad)} of {len(images)} images, first in "
            f"{ids[bad[0]]}; replace the values or leave these images out"
        )
    return ImageSet(images=pad_to_square(images, side, source=source), ids=ids, labels=labels, pose=None)


def pad_to_square(images: np.ndarray, side: int, *, source: str) -> np.ndarray:
    """Images (N, h, w, c) in the middle of (N, side, side, c), 0 around them; side 0 is the longer edge.

    An odd remainder goes to the bottom and the right. Raises InputError if the images are larger than `side`.
    """
    height, width = images.shape[1:3]
    side = side or max(height, width)
    if side < max(height, width):
        raise InputError(
            f"config.data.canvas: expected 0 or at least {max(height, width)} for the {height}x{width} pixels of "
            f"{source}, found {side}"
        )
    if (height, width) == (side, side):
        return images
    padded = np.zeros((len(images), side, side, images.shape[3]), images.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    padded[:, top : top + height, left : left + width] = images
    return padded


def make_image_dataset(
    name: str,
    train: ImageSet,
    test: ImageSet | None,
    *,
    class_names: tuple[str, ...],
    description: str,
    source: str,
) -> Dataset:
    """Both splits as one data set. The scaling is that of the train part; bool images become uint8 of 0 and 1.

    Only where float pixels are scaled by their extremes can a test pixel fall outside [0, 1].

    Raises InputError for images without any variation, and for splits that differ in shape or type.
    """
    scaling = find_scaling(train.images, mode="type", background=0.0, source=source)
    if test is not None:
        kinds = [f"{part.images.dtype} of shape {part.images.shape[1:]}" for part in (train, test)]
        if kinds[0] != kinds[1]:
            raise InputError(f"{source}: expected test images like the training images, {kinds[0]}, found {kinds[1]}")
    return Dataset(
        name=name,
        train=_without_bool(train),
        test=None if test is None else _without_bool(test),
        class_names=class_names,
        scaling=scaling,
        description=description,
        notes=(f"pixels: {scaling.description}",),
    )


def row_ids(prefix: str, num_images: int) -> np.ndarray:
    """Ids 'prefix/00012' after the row of each image in the publisher's own order."""
    return np.array([f"{prefix}/{row:05d}" for row in range(num_images)])


def _check_shape(images: np.ndarray, source: str) -> None:
    expected = "expected images of shape (N, h, w) or (N, h, w, c)"
    if images.ndim not in (3, 4):
        raise InputError(f"{source}: {expected}, found an array of shape {images.shape}")
    if images.size == 0:
        raise InputError(f"{source}: expected at least one image, found an array of shape {images.shape}")
    if images.ndim == 4 and images.shape[1] <= 4 < min(images.shape[2:]):
        raise InputError(
            f"{source}: {expected}, found {images.shape}, which looks like (N, c, h, w); "
            f"move the channels last with images.transpose(0, 2, 3, 1)"
        )


def _check_ids(ids: np.ndarray, num_images: int, source: str) -> None:
    if ids.dtype.kind not in "iuSU" or ids.shape != (num_images,):
        raise InputError(
            f"{source}: expected {num_images} ids that are strings or whole numbers, "
            f"found shape {ids.shape} and type {ids.dtype}"
        )
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{source}: expected ids without repeats, found {str(values[counts.argmax()])!r} more than once"
        )


def _as_pixels(images: np.ndarray, source: str) -> np.ndarray:
    if images.dtype.kind not in "biuf":
        raise InputError(f"{source}: expected images of real numbers, found type {images.dtype}")
    native = images.dtype.newbyteorder("=")
    if native in (np.dtype(bool), np.dtype(np.uint8), np.dtype(np.uint16)):
        return images.astype(native, copy=False)
    with np.errstate(over="ignore"):  # too large a float64 becomes infinity, which the caller reports
        return images.astype(np.float32)


def _without_bool(part: ImageSet) -> ImageSet:
    images = part.images.astype(np.uint8) if part.images.dtype == bool else part.images
    return ImageSet(images=images, ids=part.ids, labels=part.labels, pose=part.pose)
