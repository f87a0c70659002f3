"""From a `Source` to a data set: labels, splits, background, squares of one size, scaling, and where the pixels stay.

Only the images that take part are read. They stay on disk where they would take more than config.data.memory_mb.
"""

import dataclasses

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.fitting import Fit, as_type, border_medians, fit_images
from irl_inr_jax.data.labels import encode_labels
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.random_pose import reject_translation
from irl_inr_jax.data.resize import METHODS
from irl_inr_jax.data.scaling import SCALINGS, find_scaling
from irl_inr_jax.data.source import Source
from irl_inr_jax.data.subsets import Stream, keep_classes, limit_classes, make_rng, make_splits, take
from irl_inr_jax.types import Dataset, ImageSet, InputError, Pose

CROPS = ("none", "circle")
NUM_SAMPLED = 1000  # images that speak for all of them, for the background and for the scaling of streamed ones


def make_source_dataset(data: ConfigDict, source: Source, *, description: str) -> Dataset:
    """The data set that `config.data` asks for, out of the images of `source`.

    Raises InputError for ids that repeat, sizes that do not fit, values that are no finite numbers, and for whatever
    `config.data` asks that these images cannot give.
    """
    reject_translation(data)
    check_source(source)
    check_choices(data)
    source = without_bool(source)
    (labels,), class_names = encode_labels([source.labels], source=source.name)
    fit = make_fit(data, source)
    images = LazyImages(
        lambda rows: fit_images(source.read(rows), fit),
        (fit.out_side, fit.out_side, source.channels),
        source.dtype,
        np.arange(len(source.ids)),
    )
    pose = fit_pose(source, fit)
    whole = ImageSet(images=images, ids=source.ids, labels=labels, pose=pose, columns=source.columns)
    train, test = whole, None
    if source.test is not None:
        train, test = take(whole, np.flatnonzero(~source.test)), take(whole, np.flatnonzero(source.test))
        if len(train.ids) == 0:
            raise InputError(f"{source.name}: expected images to train on, found all {len(test.ids)} in the test split")
    train, test, class_names = keep_classes(train, test, class_names, data.num_classes)
    train, test = limit_classes(train, test, tuple(data.class_images), seed=data.seed)
    train, test, class_names = make_splits(data, train, test, class_names)

    num_bytes = train.images.nbytes + (0 if test is None else test.images.nbytes)
    streamed = num_bytes > data.memory_mb * 1e6
    if not streamed:
        train, test = _loaded(train, source), None if test is None else _loaded(test, source)
    sample = train.images[sample_row_indices(len(train.ids), data.seed)] if streamed else train.images
    ground = float(fit.ground.mean())
    scaling = find_scaling(sample, mode=data.scaling, background=ground, source=source.name, invert=data.invert)
    return Dataset(
        name=data.name,
        train=train,
        test=test,
        class_names=class_names,
        scaling=scaling,
        description=description,
        notes=_notes(source, fit, scaling.description, num_bytes if streamed else 0),
        skipped=source.skipped,
    )


def check_source(source: Source) -> None:
    """Raises InputError for no images, ids that repeat, and labels or a split that do not fit the images."""
    num_images = len(source.ids)
    if num_images == 0 or (source.sizes < 1).any():
        raise InputError(f"{source.name}: expected at least one image with pixels, found {num_images} images")
    values, counts = np.unique(source.ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{source.name}: expected ids without repeats, found {str(values[counts.argmax()])!r} more than once"
        )
    if source.labels is not None and np.shape(source.labels) != (num_images,):
        raise InputError(
            f"{source.name}: expected one label for each of the {num_images} images, found {np.shape(source.labels)}"
        )


def without_bool(source: Source) -> Source:
    """The same with 0 and 1 for False and True."""
    if source.dtype != bool:
        return source

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        images = source.read(rows)
        if isinstance(images, np.ndarray):
            return images.astype(np.uint8)
        return [image.astype(np.uint8) for image in images]

    return dataclasses.replace(source, dtype=np.dtype(np.uint8), read=read)


def check_choices(data: ConfigDict) -> None:
    """Raises InputError for words in config.data that are not among the known ones."""
    for key, known in (("crop", CROPS), ("resampling", METHODS), ("scaling", SCALINGS)):
        if data[key] not in known:
            raise InputError(f"config.data.{key}: expected one of {', '.join(known)}, found {data[key]!r}")


def make_fit(data: ConfigDict, source: Source) -> Fit:
    """What `config.data` has done to every image. Raises InputError for sizes that cannot be met."""
    longest = int(source.sizes.max())
    if data.same_scale:
        side = data.canvas or longest
        if side < longest:
            culprit = int(source.sizes.max(1).argmax())
            raise InputError(
                f"config.data.canvas: expected 0 or at least {longest} for the "
                f"{source.sizes[culprit, 0]}x{source.sizes[culprit, 1]} pixels of {source.ids[culprit]}, found "
                f"{data.canvas}; config.data.resize makes images smaller"
            )
    elif data.canvas or not data.resize:
        raise InputError(
            "config.data.same_scale: False makes each image fill the square that config.data.resize gives the side of; "
            f"expected that and no canvas, found resize {data.resize} and canvas {data.canvas}"
        )
    else:
        side = 0
    return Fit(
        side=side,
        out_side=data.resize or side,
        resampling=data.resampling,
        ground=estimate_background(data, source),
        level=data.background == "image",
        circle=data.crop == "circle",
    )


def fit_pose(source: Source, fit: Fit) -> Pose | None:
    """The true pose in coords of the padded squares, on which an image's longer side is shorter."""
    if source.pose is None or fit.side == 0:
        return source.pose
    share = (source.sizes.max(1) / fit.side)[:, None]
    return source.pose.replace(tau=(source.pose.tau * share).astype(np.float32))


def estimate_background(data: ConfigDict, source: Source) -> np.ndarray:
    """(c,) the stored value of background: as configured, or the median over the borders of some images."""
    if data.background not in ("auto", "image"):
        try:
            return np.full(source.channels, float(data.background))
        except ValueError:
            raise InputError(
                f"config.data.background: expected auto, image or a number, found {data.background!r}"
            ) from None
    rows = sample_row_indices(len(source.ids), data.seed)
    borders = [border_medians(np.asarray(image)[None])[0] for image in source.read(rows)]
    ground = np.nan_to_num(np.median(borders, axis=0))
    return as_type(ground, source.dtype).astype(np.float64)


def sample_row_indices(num_images: int, seed: int) -> np.ndarray:
    """At most `NUM_SAMPLED` random rows, in increasing order."""
    if num_images <= NUM_SAMPLED:
        return np.arange(num_images)
    return np.sort(make_rng(seed, Stream.SAMPLE).choice(num_images, NUM_SAMPLED, replace=False))


def _loaded(part: ImageSet, source: Source) -> ImageSet:
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
    """Lines for people: what the images were, and what was done to them."""
    (low, high), channels = np.sort(source.sizes.max(1))[[0, -1]], source.channels
    sizes = f"{low}" if low == high else f"{low} to {high}"
    done = [f"longer side {sizes} px, {channels} channel{'s' * (channels > 1)}"]
    done += ["each border levelled"] if fit.level else []
    done += [f"padded to {fit.side} px"] if fit.side and (source.sizes != fit.side).any() else []
    done += [f"brought to {fit.out_side} px ({fit.resampling})"] if fit.side != fit.out_side else []
    done += ["background outside the circle"] if fit.circle else []
    streamed = f"{streamed_bytes / 1e6:.0f} MB of images, streamed from disk"
    return (", ".join(done), f"pixels: {scaling}", *([streamed] if streamed_bytes else []))
