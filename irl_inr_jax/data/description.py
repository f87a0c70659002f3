"""Description of a data set before any training: counts, sizes, types, pixel values and classes."""

import dataclasses
import hashlib
import json
import logging
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float

from irl_inr_jax.config.checked_files import DamagedFile, read_json
from irl_inr_jax.data.fitting import border_medians
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.subsets import sample_size, take
from irl_inr_jax.types import Dataset, ImageSet, InputError

logger = logging.getLogger(__name__)

MAX_SAMPLED = 512  # images on which pixels and poses are measured
FILE = "data.json"  # of a run's folder


def sample_images(dataset: Dataset) -> ImageSet:
    """Return at most `MAX_SAMPLED` training images, evenly spread over the set, in memory; fewer if they are large."""
    num_images, images = len(dataset.train.ids), dataset.train.images
    number = sample_size(images.nbytes // num_images, MAX_SAMPLED)
    sample = take(dataset.train, np.unique(np.linspace(0, num_images - 1, number).round().astype(int)))
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
        "digest": _digest(dataset),
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


def describe_image_change(folder: Path, facts: dict) -> str:
    """Return how the images differ from those that a run's folder describes, such as "36 training images, not 24".

    facts: those of `describe_dataset` now. '' if there is no difference, or no description there. Facts that an earlier
    version did not describe, or measured on other samples, are not compared. Raises InputError for a damaged file.
    """
    try:
        before = read_json(folder / FILE)
    except OSError:
        return ""
    except DamagedFile as error:
        raise InputError(
            f"expected the description of the images in {folder / FILE} as it was written, found a damaged file "
            f"({error}); remove it to go on without comparing the images with those at the start"
        ) from None
    now = json.loads(json.dumps(facts))
    for key, text in (
        ("num_train", "{now} training images, not {before}"),
        ("num_test", "{now} test images, not {before}"),
        ("shape", "images of shape {now}, not {before}"),
        ("type", "pixels of type {now}, not {before}"),
        ("classes", "classes with other names or numbers of images"),
        ("digest", "images with other ids, or in another order"),
        ("percentiles", "images with other pixel values"),
        ("scaling", "images with another range of pixel values or another background"),
    ):
        is_known = key in before and ("digest" in before or key not in ("percentiles", "scaling"))
        if is_known and not _agree(before[key], now[key]):
            return text.format(now=now[key], before=before[key])
    return ""


def check_no_change(folder: Path, facts: dict) -> None:
    """Raise InputError if the run in `folder` was started with other images than those of `facts`."""
    change = describe_image_change(folder, facts)
    if change:
        raise InputError(
            f"expected the images with which the run in {folder} was started, found {change}; choose another "
            f"--workdir, or restore the images to continue that run"
        )


def warn_of_change(folder: Path, dataset: Dataset) -> None:
    """Log a warning if the images differ from those that a run's folder describes."""
    change = describe_image_change(folder, describe_dataset(dataset, sample_images(dataset)))
    if change:
        logger.warning("the images changed since the training: %s; results are of the present images", change)


def _agree(before: object, now: object) -> bool:
    """Return True if both are equal up to rounding; of texts, such as descriptions, anything agrees in a dict."""
    if isinstance(before, dict) and isinstance(now, dict):
        numbers = [{key: value for key, value in each.items() if not isinstance(value, str)} for each in (before, now)]
        return numbers[0].keys() == numbers[1].keys() and all(
            _agree(value, numbers[1][key]) for key, value in numbers[0].items()
        )
    if isinstance(before, float) and isinstance(now, float | int):
        return math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-9)
    return before == now


def _digest(dataset: Dataset) -> str:
    """Return a digest of the ids of both splits in their order."""
    parts = [dataset.train, *([] if dataset.test is None else [dataset.test])]
    text = "\0\0".join("\0".join(map(str, part.ids)) for part in parts)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def digest_images(images: ImageSet) -> str:
    """Hash the ids and, of images in memory, the pixels."""
    digest = hashlib.sha256("\0".join(map(str, images.ids)).encode("utf-8", "surrogatepass"))
    if isinstance(images.images, np.ndarray):
        digest.update(np.ascontiguousarray(images.images).data)
    return digest.hexdigest()
