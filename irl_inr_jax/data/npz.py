"""Anybody's images in one .npz file: `images`, and where there are any `labels`, `ids` and the same with `_test`."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.arrays import make_image_dataset, make_image_set, row_ids
from irl_inr_jax.data.labels import encode_labels
from irl_inr_jax.data.pose import forbid_translation
from irl_inr_jax.data.subsets import make_splits
from irl_inr_jax.types import Dataset, InputError

_KEYS = ("images", "labels", "ids", "images_test", "labels_test", "ids_test")


def make_npz(data: ConfigDict) -> Dataset:
    """The images of the file config.data.path as they are, centred on config.data.canvas where it is not 0.

    Without `ids` an image is called by the array and the row it stands in. Raises InputError.
    """
    forbid_translation(data)
    path = Path(data.path).expanduser()
    arrays = read_npz(path)
    source = f"config.data.path ({path})"
    (labels, labels_test), class_names = encode_labels([arrays.get("labels"), arrays.get("labels_test")], source=source)

    def make_part(suffix, labels):
        key = f"images{suffix}"
        images = arrays[key]
        ids = arrays.get(f"ids{suffix}", row_ids(key, len(images) if images.ndim else 0))
        return make_image_set(images, ids, labels, source=f"{source}, {key}", side=data.canvas)

    train = make_part("", labels)
    test = make_part("_test", labels_test) if "images_test" in arrays else None
    train, test, class_names = make_splits(data, train, test, class_names)
    return make_image_dataset(
        data.name, train, test, class_names=class_names, description=f"images of {path}", source=source
    )


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Those arrays of an .npz file that a data set is made of. Nothing pickled is ever read.

    Raises InputError if it is no such file, is damaged, has no `images`, or holds Python objects.
    """
    key = "config.data.path"
    if not path.is_file():
        raise InputError(f"{key}: expected an .npz file, found {'a folder' if path.is_dir() else 'nothing'} at {path}")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{key}: expected an .npz file, found another kind of file or one that is cut short at {path}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if "images" not in archive:
                raise InputError(f"{key}: expected an array called 'images' in {path}, found {sorted(archive)}")
            return {name: np.asarray(archive[name]) for name in _KEYS if name in archive}
    except InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        found = "Python objects" if "Object arrays" in str(error) else "a damaged one"
        raise InputError(
            f"{key}: expected an .npz file of plain arrays, found {found} at {path} ({' '.join(str(error).split())}); "
            f"write it with numpy.savez(path, images=...)"
        ) from None
