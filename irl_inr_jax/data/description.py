"""Description of a data set before any training: counts, sizes, types, pixel values and classes."""

import dataclasses
import hashlib

import numpy as np
from jaxtyping import Float

from irl_inr_jax.data.fitting import border_medians
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.subsets import take
from irl_inr_jax.types import Dataset, ImageSet

MAX_SAMPLED = 512  # images on which pixels and poses are measured


def sample_images(dataset: Dataset) -> ImageSet:
    """Return at most `MAX_SAMPLED` training images, evenly spread over the set, in memory."""
    num_images = len(dataset.train.ids)
    sample = take(dataset.train, np.unique(np.linspace(0, num_images - 1, MAX_SAMPLED).round().astype(int)))
    return dataclasses.replace(sample, images=sample.images[:])


def background_deviations(images: Float[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n"]:
    """Return a robust standard deviation of the background noise of each image.

    It is measured on a ring just inside the inscribed circle, which a circular crop preserves, as the median absolute
    difference of neighbouring pixels. The median ignores the few differences at the edge of an object.
    """
    side = images.shape[1]
    middle = (np.arange(side) + 0.5) * 2 / side - 1
    radius = np.hypot(middle[:, None], middle)
    ring = (radius > 0.8) & (radius < 0.98)
    pairs = ring[:, 1:] & ring[:, :-1]
    differences = np.abs(np.diff(images, axis=2)[:, pairs]).reshape(len(images), -1)
    return (np.median(differences, axis=1) / (0.6745 * np.sqrt(2))).astype(np.float32)


def describe_dataset(dataset: Dataset, sample: ImageSet) -> dict:
    """Return a JSON-compatible dict of what is known before training.

    It contains counts of images and classes, shape, type, percentiles of the stored pixels of `sample` (see
    `sample_images`), the scaling, the share of blank images, the spread of the borders' brightness in scaled units, and
    files that could not be read.
    """
    train, pixels = dataset.train, sample.images
    borders = border_medians(pixels) * dataset.scaling.scale
    flat = pixels.reshape(len(pixels), -1)
    facts = {
        "name": dataset.name,
        "description": dataset.description,
        "notes": list(dataset.notes),
        "num_train": len(train.ids),
        "num_test": 0 if dataset.test is None else len(dataset.test.ids),
        "shape": list(train.images.shape[1:]),
        "type": str(train.images.dtype),
        "megabytes": sum(part.images.nbytes for part in (train, dataset.test) if part is not None) / 1e6,
        "streamed": isinstance(train.images, LazyImages),
        "percentiles": {q: float(np.percentile(pixels, q)) for q in (0, 1, 50, 99, 100)},
        "scaling": dataset.scaling._asdict(),
        "blank_share": float((flat == flat[:, :1]).all(1).mean()),
        "border_spread": float(np.percentile(borders, 95) - np.percentile(borders, 5)),
        "first_ids": [str(name) for name in train.ids[:3]],
        "columns": list(train.columns),
        "skipped": list(dataset.skipped),
        "classes": {},
    }
    if train.labels is not None:
        for part, name in ((train, "train"), (dataset.test, "test")):
            if part is not None and part.labels is not None:
                counts = np.bincount(part.labels[part.labels >= 0], minlength=len(dataset.class_names))
                facts["classes"][name] = dict(zip(dataset.class_names, counts.tolist(), strict=True))
        facts["num_unlabelled"] = int((train.labels < 0).sum())
    return facts


def digest_images(images: ImageSet) -> str:
    """Hash the ids and, of images in memory, the pixels."""
    digest = hashlib.sha256("\0".join(map(str, images.ids)).encode("utf-8", "surrogatepass"))
    if isinstance(images.images, np.ndarray):
        digest.update(np.ascontiguousarray(images.images).data)
    return digest.hexdigest()
