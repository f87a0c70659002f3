"""From a `Source` to a `Dataset`: labels, splits, background, squares of one size, scaling, memory or disk.

Only the images that take part are read. They are streamed if they would take more than config.data.memory_mb.
"""

import dataclasses

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.background import find_background
from irl_inr_jax.data.fitting import Fit, fit_images
from irl_inr_jax.data.labels import encode_labels
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import find_categories, find_scaling
from irl_inr_jax.data.source import Source, split_by_bytes
from irl_inr_jax.data.subsets import (
    NUM_SAMPLED,
    keep_classes,
    limit_classes,
    make_splits,
    sample_row_indices,
    sample_size,
    take,
)
from irl_inr_jax.types import Dataset, ImageSet, InputError, Pose

# Images are not padded to squares of more bytes than that by one image which is so much longer than most.
MAX_LENGTH_RATIO = 8
MAX_SQUARE_BYTES = 64_000_000


def assemble_dataset(data: ConfigDict, source: Source) -> Dataset:
    """Return the data set that `config.data` specifies, made of the images of `source`.

    Raises InputError for ids that are not unique, sizes that do not fit, values that are not finite, and options in
    `config.data` that these images do not allow.
    """
    check_source(source)
    source = convert_bool(source)
    fit = make_fit(data, source)
    train, test, class_names = split_source(data, source, fit)

    num_bytes = train.images.nbytes + (0 if test is None else test.images.nbytes)
    is_streamed = num_bytes > data.memory_mb * 1e6
    if is_streamed:
        train, test = check_when_read(train, source), None if test is None else check_when_read(test, source)
        number = sample_size(train.images.image_bytes, NUM_SAMPLED)
        sample = train.images[sample_row_indices(len(train.ids), data.seed, most=number)]
    else:
        train, test = _load(train, source), None if test is None else _load(test, source)
        sample = train.images
    background = float(fit.background.mean())
    scaling = find_scaling(
        sample,
        mode=data.scaling,
        background=background,
        source=source.name,
        invert=data.invert,
        # Resizing mixes stray categories with others.
        categories=find_source_categories(source, data.seed) if fit.out_side != fit.side else None,
    )
    return Dataset(
        name=data.name,
        train=train,
        test=test,
        class_names=class_names,
        scaling=scaling,
        description=source.description,
        notes=_notes(source, fit, scaling.description, num_bytes if is_streamed else 0),
        skipped=source.skipped,
        side_range=(int(source.sizes.max(1).min()), int(source.sizes.max())),
        fit=fit,
    )


def find_source_categories(source: Source, seed: int) -> tuple[float, float] | None:
    """Return `find_categories` of a sample of the images as stored."""
    rows = sample_row_indices(len(source.ids), seed)
    # The first image alone is enough to tell photographs.
    parts = [part for part in (rows[:1], *split_by_bytes(source, rows[1:])) if len(part)]
    return find_categories(np.concatenate([np.ravel(image) for image in source.read(part)]) for part in parts)


def split_source(data: ConfigDict, source: Source, fit: Fit) -> tuple[ImageSet, ImageSet | None, tuple[str, ...]]:
    """Return the training and test images that `config.data` selects, not read yet, and the names of their classes."""
    labels, class_names = source.labels, source.class_names
    if not class_names:
        (labels,), class_names = encode_labels([labels], source=source.name)

    def read(rows: np.ndarray) -> np.ndarray:
        parts = split_by_bytes(source, rows, side=fit.side)
        return np.concatenate([fit_images(source.read(part), fit) for part in parts])

    images = LazyImages(
        read,
        (fit.out_side, fit.out_side, source.channels),
        source.dtype,
        np.arange(len(source.ids)),
    )
    train = ImageSet(images=images, ids=source.ids, labels=labels, pose=fit_pose(source, fit), columns=source.columns)
    test = None
    if source.test is not None:
        train, test = take(train, np.flatnonzero(~source.test)), take(train, np.flatnonzero(source.test))
        if len(train.ids) == 0:
            raise InputError(f"{source.name}: expected training images, found all {len(test.ids)} in the test split")
    train, test, class_names = keep_classes(train, test, class_names, data.num_classes)
    train, test = limit_classes(train, test, tuple(data.class_images), seed=data.seed)
    return make_splits(data, train, test, class_names)


def check_source(source: Source) -> None:
    """Raise InputError for no images, ids that are not unique, and labels that do not match the images."""
    num_images = len(source.ids)
    if num_images == 0 or (source.sizes < 1).any():
        raise InputError(f"{source.name}: expected at least one image with pixels, found {num_images} images")
    values, counts = np.unique(source.ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{source.name}: expected unique ids, found {str(values[counts.argmax()])!r} more than once")
    if source.labels is not None and np.shape(source.labels) != (num_images,):
        raise InputError(
            f"{source.name}: expected one label for each of the {num_images} images, found {np.shape(source.labels)}"
        )


def convert_bool(source: Source) -> Source:
    """Return `source` with boolean pixels converted to 0 and 1 of uint8."""
    if source.dtype != bool:
        return source

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        images = source.read(rows)
        if isinstance(images, np.ndarray):
            return images.astype(np.uint8)
        return [image.astype(np.uint8) for image in images]

    return dataclasses.replace(source, dtype=np.dtype(np.uint8), read=read)


def make_fit(data: ConfigDict, source: Source) -> Fit:
    """Return the steps that `config.data` specifies for every image. Raises InputError for impossible sizes."""
    longest = int(source.sizes.max())
    if data.same_scale:
        side = data.canvas or longest
        check_square(source, side)
        if side < longest:
            largest = int(source.sizes.max(1).argmax())
            raise InputError(
                f"config.data.canvas: expected 0 or at least {longest} for the "
                f"{source.sizes[largest, 0]}x{source.sizes[largest, 1]} pixels of {source.ids[largest]}, found "
                f"{data.canvas}; config.data.resize makes images smaller"
            )
    elif data.canvas or not data.resize:
        raise InputError(
            f"config.data.same_scale: expected config.data.resize and no config.data.canvas with False, which makes "
            f"each image fill a square of `resize` pixels, found resize {data.resize} and canvas {data.canvas}"
        )
    else:
        side = 0
    return Fit(
        side=side,
        out_side=data.resize or side,
        resampling=data.resampling,
        background=find_background(data, source),
        level=data.background == "image",
        circle=data.crop == "circle",
        mask=check_mask(data, data.resize or side),
    )


def check_mask(data: ConfigDict, side: int) -> tuple[int, ...]:
    """Return config.data.mask. Raises InputError for pixels outside the square of `side`."""
    mask = tuple(data.mask)
    if mask and max(mask) >= side:
        raise InputError(
            f"config.data.mask: expected rows and columns from 0 to {side - 1}, found {max(mask)}; they count in the "
            f"padded and resized images, as irl-inr inspect shows them"
        )
    return mask


def check_square(source: Source, side: int) -> None:
    """Raise InputError if one long image among small ones would make all of them squares of its length."""
    median, num_bytes = float(np.median(source.sizes.max(1))), side**2 * source.channels * source.dtype.itemsize
    if num_bytes > MAX_SQUARE_BYTES and side > MAX_LENGTH_RATIO * median:
        longest = source.ids[int(source.sizes.max(1).argmax())]
        raise InputError(
            f"{source.name}: expected images of similar sizes, found {side} pixels in {longest} and {median:.0f} in "
            f"most, so that all would become squares of {num_bytes / 1e6:.0f} MB; leave that image out, or set "
            f"config.data.same_scale=False and config.data.resize=64"
        )


def fit_pose(source: Source, fit: Fit) -> Pose | None:
    """Return the true pose in coords of the padded squares, of which an image covers only a part."""
    if source.pose is None or fit.side == 0:
        return source.pose
    share = (source.sizes.max(1) / fit.side)[:, None]
    return dataclasses.replace(source.pose, tau=(source.pose.tau * share).astype(np.float32))


def check_when_read(part: ImageSet, source: Source) -> ImageSet:
    """Return `part` with images that raise InputError when one with a value that is not finite is read."""
    stored = part.images
    if stored.dtype.kind != "f":
        return part

    def read(rows: np.ndarray) -> np.ndarray:
        images = stored[rows]
        bad = rows[~np.isfinite(images).all(axis=(1, 2, 3))]
        if len(bad):
            raise InputError(
                f"{source.name}: expected finite numbers, found NaN or infinity in {part.ids[bad[0]]}; replace the "
                f"values or leave this image out"
            )
        return images

    checked = LazyImages(read, stored.shape[1:], stored.dtype, np.arange(len(stored)))
    return dataclasses.replace(part, images=checked)


def _load(part: ImageSet, source: Source) -> ImageSet:
    """Return `part` with its images in memory. Raises InputError for values that are not finite."""
    images = part.images.load()
    if images.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
        if len(bad):
            raise InputError(
                f"{source.name}: expected finite numbers, found NaN or infinity in {len(bad)} of {len(images)} images, "
                f"first in {part.ids[bad[0]]}; replace the values or leave these images out"
            )
    return dataclasses.replace(part, images=images)


def _notes(source: Source, fit: Fit, scaling: str, streamed_bytes: int) -> tuple[str, ...]:
    """Return lines for the log: the sizes of the images, and the steps that were applied."""
    (low, high), channels = np.sort(source.sizes.max(1))[[0, -1]], source.channels
    sizes = f"{low}" if low == high else f"{low} to {high}"
    steps = [f"longer side {sizes} px, {channels} channel{'s' * (channels > 1)}"]
    steps += ["border of each image levelled"] if fit.level else []
    steps += [f"padded to {fit.side} px"] if fit.side and (source.sizes != fit.side).any() else []
    steps += [f"resized to {fit.out_side} px ({fit.resampling})"] if fit.side != fit.out_side else []
    steps += [f"background in {len(fit.mask) // 4} masked box{'es' * (len(fit.mask) > 4)}"] if fit.mask else []
    steps += ["background outside the circle"] if fit.circle else []
    streamed = f"{streamed_bytes / 1e6:.0f} MB of images, streamed from disk"
    return (", ".join(steps), f"pixels: {scaling}", *source.notes, *([streamed] if streamed_bytes else []))
