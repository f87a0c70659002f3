"""Any image set that tensorflow-datasets has prepared as array_record: config.data.name is 'tfds:NAME'.

Nothing is downloaded or prepared here, and TensorFlow is not needed. tensorflow-datasets is imported only when such a
set is opened, as that takes half a second.
"""

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from irl_inr_jax.data.assemble import make_source_dataset
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import Dataset, InputError

PREFIX = "tfds:"
_BLOCK = 4096  # images whose labels are read at once


def make_tfds(data: ConfigDict) -> Dataset:
    """The set that config.data.name calls 'tfds:NAME' or 'tfds:NAME/CONFIG:VERSION'. Raises InputError."""
    builder = open_builder(data)
    used, left_out = choose_splits(builder)
    description = f"{builder.info.full_name} of tensorflow-datasets, {' and '.join(used)}"
    if left_out:
        description += f" (without {', '.join(left_out)})"
    return make_source_dataset(data, read_builder(builder, data), description=description)


def read_tfds_set(data: ConfigDict) -> Source:
    """The images of a prepared set, called 'NAME/split/000123' after their row in the split.

    Images are the feature config.data.images_key, or the only one that could be; labels the feature
    config.data.label_column or the only ClassLabel, by name. All other numbers, classes and texts are columns. Where
    there are splits train and test these are taken and no others; where not, all are, and a column `split` names them.

    Raises InputError if the set is not there, was prepared in another format, or has no such features.
    """
    return read_builder(open_builder(data), data)


def open_builder(data: ConfigDict) -> Any:
    """The tensorflow-datasets builder of the set, from config.data.root, $TFDS_DATA_DIR or ~/tensorflow_datasets.

    Raises InputError if it is in none of them, is damaged, or was not prepared as array_record.
    """
    roots = [
        Path(folder).expanduser()
        for folder in (data.root, os.environ.get("TFDS_DATA_DIR"), "~/tensorflow_datasets")
        if folder
    ]
    folder = find_prepared(data.name.removeprefix(PREFIX), roots)
    import tensorflow_datasets as tfds

    remedy = _how_to_prepare(data.name, roots[0])
    try:
        builder = tfds.builder_from_directory(folder)
        file_format = builder.info.file_format.value
    # tensorflow-datasets lets through whatever its JSON and protocol buffers raise.
    except Exception as error:
        raise InputError(
            f"config.data.root ({folder}): expected a set of tensorflow-datasets, found one that cannot be opened "
            f"({' '.join(str(error).split())[:200]}); {remedy}"
        ) from None
    if file_format != "array_record":
        raise InputError(
            f"config.data.root ({folder}): expected a set prepared as array_record, which can be read without "
            f"TensorFlow, found {file_format}; {remedy}"
        )
    return builder


def find_prepared(wanted: str, roots: list[Path]) -> Path:
    """The folder of 'NAME', 'NAME/CONFIG' or either with ':VERSION', below the first of `roots` that has it.

    Of several versions it is the newest. Raises InputError if there is none, or several configurations to choose from.
    """
    name, _, version = wanted.partition(":")
    for root in roots:
        versions = (
            [*root.glob(f"{name}/*/dataset_info.json"), *root.glob(f"{name}/*/*/dataset_info.json")] if name else []
        )
        folders = [path.parent for path in versions if path.parent.name == (version or path.parent.name)]
        configs = sorted({folder.parent.relative_to(root).as_posix() for folder in folders})
        if len(configs) > 1:
            raise InputError(f"config.data.name: expected one of tfds:{', tfds:'.join(configs)}; found tfds:{wanted}")
        if folders:
            return max(folders, key=lambda folder: [int(part) for part in folder.name.split(".") if part.isdigit()])
    there = [
        path.parent.relative_to(root).as_posix()
        for root in roots
        for path in sorted(root.glob("*/**/dataset_info.json"))
    ]
    raise InputError(
        f"config.data.name: expected a set that tensorflow-datasets has prepared in {' or '.join(map(str, roots))} "
        f"(config.data.root is the first), found {', '.join(there) or 'none'} and no {wanted!r}; "
        f"{_how_to_prepare(wanted, roots[0])}"
    )


def choose_splits(builder: Any) -> tuple[list[str], list[str]]:
    """(splits to read, splits left out): train and test and none beside them, or all; empty ones count as absent."""
    names = [name for name, split in builder.info.splits.items() if split.num_examples]
    if {"train", "test"} <= set(names):
        return ["train", "test"], [name for name in names if name not in ("train", "test")]
    return names, []


def read_builder(builder: Any, data: ConfigDict) -> Source:
    """As `read_tfds_set`, from an open builder. Raises InputError if its features are no images, or several."""
    name = f"config.data.root ({builder.data_dir})"
    features = dict(sorted(builder.info.features.items()))
    image_key = find_image(features, data.images_key, name)
    label_key = find_label(features, data.label_column, image_key, name)
    splits, _ = choose_splits(builder)
    lengths = [builder.info.splits[split].num_examples for split in splits]
    if not splits:
        raise InputError(f"{name}: expected images, found no split with any; prepare the set again")
    columns, sizes = _look_through(builder, splits, image_key)
    labels = columns.pop(label_key) if label_key else None
    of_split = np.repeat(splits, lengths)
    return Source(
        name=name,
        ids=np.array(
            [f"{builder.name}/{split}/{row:06d}" for split, n in zip(splits, lengths, strict=True) for row in range(n)]
        ),
        sizes=sizes,
        channels=(*features[image_key].shape, 1)[2],
        dtype=np.dtype(features[image_key].np_dtype),
        read=_make_read(builder, splits, image_key),
        labels=labels,
        test=of_split == "test" if splits == ["train", "test"] else None,
        columns=columns if splits == ["train", "test"] else {**columns, "split": of_split},
    )


def _look_through(builder: Any, splits: list[str], image_key: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All features of one value, each (N,), and the sizes (N, 2): one pass that decodes no image."""
    features = dict(sorted(builder.info.features.items()))
    known = [key for key, feature in features.items() if feature.shape == () and _kind(feature) in "biufOSU"]
    height, width, *_ = features[image_key].shape
    is_sized = None not in (height, width)
    values, sizes = {key: [] for key in known}, []
    for split in splits if known or not is_sized else ():
        rows = _open_split(builder, split)
        for first in range(0, len(rows), _BLOCK):
            for example in rows.__getitems__(list(range(first, min(first + _BLOCK, len(rows))))):
                for key in known:
                    values[key].append(example[key])
                if not is_sized:
                    sizes.append(_image_size(example[image_key]))
    num_images = sum(builder.info.splits[split].num_examples for split in splits)
    columns = {key: _column(features[key], values[key]) for key in known}
    return columns, np.broadcast_to(np.array(sizes or (height, width), np.int32), (num_images, 2))


def _make_read(builder: Any, splits: list[str], image_key: str) -> Callable[[np.ndarray], Sequence[np.ndarray]]:
    """`Source.read` over the splits one after the other."""
    feature = builder.info.features[image_key]
    is_sized = None not in feature.shape
    sources = [_open_split(builder, split) for split in splits]
    starts = np.cumsum([0, *map(len, sources)])

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        rows = np.asarray(rows)
        images = [None] * len(rows)
        parts = np.searchsorted(starts, rows, side="right") - 1
        for part in np.unique(parts):
            places = np.flatnonzero(parts == part)
            found = sources[part].__getitems__((rows[places] - starts[part]).tolist())
            for place, example in zip(places, found, strict=True):
                images[place] = _decode(example[image_key], feature)
        return np.stack(images) if is_sized and images else images

    return read


def _open_split(builder: Any, split: str) -> Any:
    """The examples of a split, images as the bytes that were stored."""
    import tensorflow_datasets as tfds

    encoded = [key for key, feature in builder.info.features.items() if _is_encoded(feature)]
    return builder.as_data_source(split, decoders=dict.fromkeys(encoded, tfds.decode.SkipDecoding()))


def _kind(feature: Any) -> str:
    """NumPy's letter for the type of its values."""
    return np.dtype(feature.np_dtype).kind


def _is_encoded(feature: Any) -> bool:
    return type(feature).__name__ in ("Image", "LabeledImage")


def find_image(features: dict[str, Any], key: str, name: str) -> str:
    """The feature that has the images. Raises InputError if it cannot be told."""
    ranked = [k for k, f in features.items() if f.shape is not None and _is_image(f)]
    if key in ranked:
        return key
    if len(ranked) != 1:
        raise InputError(
            f"{name}: expected one feature of images (h, w) or (h, w, c), found "
            f"{' and '.join(ranked) or 'none'} among {', '.join(features)}; set config.data.images_key"
        )
    return ranked[0]


def _is_image(feature: Any) -> bool:
    shape = feature.shape
    return (
        type(feature).__name__ in ("Image", "LabeledImage", "Tensor")
        and len(shape) in (2, 3)
        and (len(shape) == 2 or shape[2] is not None)
        and _kind(feature) in "biuf"
    )


def find_label(features: dict[str, Any], key: str, image_key: str, name: str) -> str | None:
    """The feature that has the labels, if any. Raises InputError if config.data.label_column names another thing."""
    if key in features and key != image_key:
        feature = features[key]
        if feature.shape != () or _kind(feature) not in "biuOSU":
            raise InputError(
                f"{name}: expected classes, whole numbers or texts as labels, found {feature} in {key}; "
                f"set config.data.label_column"
            )
        return key
    if key not in ("", "label"):
        known = ", ".join(k for k in features if k != image_key)
        raise InputError(f"config.data.label_column: expected one of {known}; found {key!r}")
    classes = [k for k, f in features.items() if type(f).__name__ == "ClassLabel"]
    return classes[0] if len(classes) == 1 else None


def _column(feature: Any, values: list) -> np.ndarray:
    """(N,) numbers as they are, classes by name ('' for -1), whole numbers where all names are, and texts."""
    if type(feature).__name__ == "ClassLabel":
        numbers = np.array(values, int)
        names = np.array(feature.names)
        if all(name.isdigit() for name in feature.names):
            return np.where(numbers < 0, -1, names.astype(int)[numbers])
        return np.where(numbers < 0, "", names[numbers])
    if _kind(feature) in "OSU":
        return np.array(
            [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values]
        )
    return np.array(values, np.dtype(feature.np_dtype))


def _image_size(value: bytes | np.ndarray) -> tuple[int, int]:
    """Height and width, from the header alone where the image is still encoded."""
    if isinstance(value, np.ndarray):
        return value.shape[:2]
    with Image.open(io.BytesIO(value)) as image:
        return image.height, image.width


def _decode(value: bytes | np.ndarray, feature: Any) -> np.ndarray:
    """(h, w, c) in the feature's type. tensorflow-datasets would need OpenCV for 16 bits."""
    if not isinstance(value, bytes):
        return value if value.ndim == 3 else value[:, :, None]
    with Image.open(io.BytesIO(value)) as image:
        if np.dtype(feature.np_dtype) == np.float32:  # stored as the four bytes of a PNG with transparency
            return np.array(image.convert("RGBA")).view(np.float32)
        if np.dtype(feature.np_dtype) == np.uint8:
            image = image.convert({1: "L", 3: "RGB", 4: "RGBA"}[feature.shape[2]])
        pixels = np.array(image).astype(feature.np_dtype, copy=False)
    return pixels.reshape(*pixels.shape[:2], -1)


def _how_to_prepare(wanted: str, root: Path) -> str:
    name = wanted.removeprefix(PREFIX)
    return (
        f'prepare it, where TensorFlow may be needed: python -c "import tensorflow_datasets as tfds; '
        f"tfds.builder('{name}', data_dir='{root}', file_format='array_record').download_and_prepare()\""
    )
