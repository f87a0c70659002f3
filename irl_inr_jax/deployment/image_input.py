"""Images as a user has them in Python, as a `Source`: arrays, lists of arrays or of paths, a folder, a file."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from irl_inr_jax.config.base import get_config
from irl_inr_jax.data.assembly import check_source
from irl_inr_jax.data.datasets.own_images import READER_KEYS, find_reader, read_own_images
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.pixels import as_pixels, check_stack_shape
from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.image_files import IMAGE_EXTENSIONS
from irl_inr_jax.data.source import Source, array_source, row_ids
from irl_inr_jax.types import Dataset, ImageSet, InputError

NAME = "images"  # in messages and ids of arrays
_KINDS = "an array (n, h, w) or (n, h, w, c), a list of arrays or of paths, or the path of a folder or a file"


def open_images(what: object, *, max_unreadable: float) -> Source:
    """Return the images of an array (n, h, w[, c]), a list of arrays or paths, a path, an ImageSet or a Dataset.

    max_unreadable: share of the files that may be unreadable, and are then skipped and listed. Of a Dataset the
    training images are used. Raises InputError for anything else, for no images and for more files that cannot be read.
    """
    if isinstance(what, Dataset):
        what = what.train
    if isinstance(what, ImageSet):
        return source_of_set(what)
    if isinstance(what, str | Path):
        source = open_path(Path(what).expanduser(), max_unreadable)
    elif isinstance(what, list | tuple) and what and all(isinstance(item, str | Path) for item in what):
        source = open_files([str(item) for item in what], max_unreadable, root=Path())
    elif isinstance(what, list | tuple) and what and all(np.ndim(item) in (2, 3) for item in what):
        source = source_of_list([np.asarray(item) for item in what])
    else:
        source = source_of_array(as_array(what))
    check_source(source)
    return source if source.description else dataclasses.replace(source, description=describe_source(source))


def describe_source(source: Source) -> str:
    """Return sizes and type of the images in one line."""
    (low_height, low_width), (height, width) = source.sizes.min(axis=0), source.sizes.max(axis=0)
    smallest = "" if (low_height, low_width) == (height, width) else f"{low_height}x{low_width} to "
    return f"{smallest}{height}x{width} pixels of {source.dtype}"


def open_path(path: Path, max_unreadable: float) -> Source:
    """Return the images of a folder, a pattern, a table, a file of many images, or a single image file.

    The id of a single file is its name, as in its folder.
    """
    if path.is_file() and path.suffix.lower() in IMAGE_EXTENSIONS and path.suffix.lower() not in (".tif", ".tiff"):
        return open_files([path.name], max_unreadable, root=path.parent)
    data = get_config().data
    with data.unlocked():
        data.update(name="images", path=str(path))
        if "max_unreadable" in READER_KEYS.get(find_reader(data.path), ()):
            data.max_unreadable = max_unreadable
    return read_own_images(data)


def open_files(paths: Sequence[str], max_unreadable: float, *, root: Path) -> Source:
    """Return one image per file; ids are the paths as given, relative to `root`."""
    data = get_config().data
    data.max_unreadable = max_unreadable
    return source_of_files("the list of files", root, paths, data=data)


def source_of_set(images: ImageSet) -> Source:
    """Return the images of a split, with its ids and labels."""
    stored = images.images
    known = {"labels": images.labels, "class_names": ()}
    if images.labels is not None:
        known["class_names"] = tuple(str(number) for number in range(int(images.labels.max(initial=-1)) + 1))
    if not isinstance(stored, LazyImages):
        return array_source(NAME, stored, images.ids, **known)
    sizes = np.broadcast_to(np.array(stored.shape[1:3], np.int32), (len(stored), 2))
    return Source(NAME, images.ids, sizes, stored.shape[3], stored.dtype, lambda rows: stored[rows], **known)


def source_of_array(images: np.ndarray) -> Source:
    """Return the images (n, h, w) or (n, h, w, c) of an array."""
    if images.ndim == 2:
        raise InputError(
            f"{NAME}: expected {_KINDS}, found an array of shape {images.shape}; reshape rows of pixels to images with "
            f"reshape(n, h, w), and give one image as images[None]"
        )
    check_stack_shape(images.shape, NAME)
    return array_source(NAME, as_pixels(images, NAME), row_ids(NAME, len(images)))


def source_of_list(images: Sequence[np.ndarray]) -> Source:
    """Return images (h, w) or (h, w, c) whose sizes may differ."""
    images = [as_pixels(image if image.ndim == 3 else image[:, :, None], NAME) for image in images]
    kinds = {(str(image.dtype), image.shape[2]) for image in images}
    if len(kinds) > 1:
        found = " and ".join(f"{dtype} with {channels} channels" for dtype, channels in sorted(kinds))
        raise InputError(f"{NAME}: expected images of one type and number of channels, found {found}; convert them")
    sizes = np.array([image.shape[:2] for image in images], np.int32)
    return Source(
        name=NAME,
        ids=row_ids(NAME, len(images)),
        sizes=sizes,
        channels=images[0].shape[2],
        dtype=images[0].dtype,
        read=lambda rows: [images[row] for row in rows],
    )


def as_array(what: object) -> np.ndarray:
    """Return an array of numbers; arrays of JAX and of other libraries are converted. Raises InputError."""
    try:
        array = np.asarray(what)
    except (ValueError, TypeError) as error:
        raise InputError(f"{NAME}: expected {_KINDS}, found {type(what).__name__} ({error})") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{NAME}: expected {_KINDS}, found {type(what).__name__} of type {array.dtype}")
    return array


def as_many(what: object, channels: int) -> object:
    """Return a single image (h, w), or (h, w, c) with the `channels` of a model, as an array of one image.

    Everything else is returned as it is.
    """
    if isinstance(what, str | Path | list | tuple | Dataset | ImageSet):
        return what
    array = as_array(what)
    if array.ndim == 2 and array.shape[0] != array.shape[1]:
        height, width = array.shape
        warnings.warn(
            f"an array of shape {array.shape} is understood as one image of {height}x{width} pixels; give several as "
            f"(n, h, w)",
            stacklevel=2,
        )
    is_single = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == channels and channels != array.shape[1])
    return array[None] if is_single else array
