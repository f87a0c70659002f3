"""Image data sets that tensorflow-datasets has prepared as array_record: config.data.name is 'tfds:NAME'.

Nothing is downloaded or prepared here, and TensorFlow is not needed. Importing tensorflow-datasets takes half a second.
"""

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

PREFIX = "tfds:"
_ENCODED = ("Image", "LabeledImage")  # features that are stored as encoded image files
_BLOCK = 4096  # images whose labels are read in one request


def read_tfds_set(data: ConfigDict) -> Source:
    """Return the images of a prepared data set; ids are 'NAME/split/000123', by row of the split.

    Images are the feature config.data.images_key, or the only image-like feature. Labels are the feature
    config.data.label_column, or the only ClassLabel, as class names. All other scalars, classes and texts become
    columns. If the set has splits train and test, only these are read; otherwise all splits are read, and a column
    `split` names them.

    Raises InputError if the set is not found, was prepared in another format, or has no such features.
    """
    builder = open_builder(data)
    name = f"config.data.root ({builder.data_dir})"
    features = dict(sorted(builder.info.features.items()))
    image_key = find_image(features, data.images_key, name)
    label_key = find_label(features, data.label_column, image_key, name)
    splits, omitted = choose_splits(builder)
    without = f" (without {', '.join(omitted)})" if omitted else ""
    lengths = [builder.info.splits[split].num_examples for split in splits]
    if not splits:
        raise InputError(f"{name}: expected images, found only empty splits; prepare the set again")
    columns, sizes = _read_columns_and_sizes(builder, splits, image_key)
    of_split = np.repeat(splits, lengths)
    rows = np.concatenate([np.arange(length) for length in lengths])
    return Source(
        name=name,
        description=f"{builder.info.full_name} of tensorflow-datasets, {' and '.join(splits)}{without}",
        ids=np.array([f"{builder.name}/{split}/{row:06d}" for split, row in zip(of_split, rows, strict=True)]),
        sizes=sizes,
        channels=(*features[image_key].shape, 1)[2],
        dtype=np.dtype(features[image_key].np_dtype),
        read=_make_read(builder, splits, image_key),
        labels=columns.pop(label_key) if label_key else None,
        test=of_split == "test" if splits == ["train", "test"] else None,
        columns=columns if splits == ["train", "test"] else {**columns, "split": of_split},
    )


def open_builder(data: ConfigDict) -> Any:
    """Return the tensorflow-datasets builder of config.data.name.

    Searches config.data.root, $TFDS_DATA_DIR and ~/tensorflow_datasets, in this order. Raises InputError if the set
    is in none of them, is damaged, or was not prepared as array_record.
    """
    roots = (data.root, os.environ.get("TFDS_DATA_DIR"), "~/tensorflow_datasets")
    roots = [Path(folder).expanduser() for folder in roots if folder]
    folder = find_prepared(data.name.removeprefix(PREFIX), roots)
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(folder)
        found = builder.info.file_format.value
    # tensorflow-datasets does not convert the errors of its JSON and protocol buffer parsers.
    except Exception as error:
        found = f"one that cannot be opened ({' '.join(str(error).split())[:200]})"
    if found != "array_record":
        raise InputError(
            f"config.data.root ({folder}): expected a data set prepared as array_record, which can be read "
            f"without TensorFlow, found {found}; {_how_to_prepare(data.name, roots[0])}"
        )
    return builder


def find_prepared(wanted: str, roots: list[Path]) -> Path:
    """Return the folder of 'NAME', 'NAME/CONFIG' or either with ':VERSION' below the first of `roots` that has it.

    Without ':VERSION' the newest version is returned. Raises InputError if there is none, or if there are several
    configurations.
    """
    name, _, version = wanted.partition(":")
    for root in roots:
        folders = [path for path in list_prepared(root) if path.relative_to(root).as_posix().startswith(f"{name}/")]
        folders = [folder for folder in folders if version in ("", folder.name)]
        configs = sorted({folder.parent.relative_to(root).as_posix() for folder in folders})
        if len(configs) > 1:
            raise InputError(f"config.data.name: expected one of tfds:{', tfds:'.join(configs)}; found tfds:{wanted}")
        if folders:
            return max(folders, key=lambda folder: [int(part) for part in folder.name.split(".") if part.isdigit()])
    prepared = [folder.relative_to(root).as_posix() for root in roots for folder in list_prepared(root)]
    raise InputError(
        f"config.data.name: expected a data set prepared by tensorflow-datasets in {' or '.join(map(str, roots))} "
        f"(config.data.root is the first), found {', '.join(prepared) or 'none'} and no {wanted!r}; "
        f"{_how_to_prepare(wanted, roots[0])}"
    )


def list_prepared(root: Path) -> list[Path]:
    """Return the folders NAME/VERSION and NAME/CONFIG/VERSION below `root`, without incomplete ones."""
    found = [path.parent for pattern in ("*/*", "*/*/*") for path in root.glob(f"{pattern}/dataset_info.json")]
    return sorted(folder for folder in found if not folder.name.startswith("incomplete"))


def choose_splits(builder: Any) -> tuple[list[str], list[str]]:
    """Return (splits to read, splits to omit): only train and test if both exist, else all non-empty splits."""
    names = [name for name, split in builder.info.splits.items() if split.num_examples]
    if {"train", "test"} <= set(names):
        return ["train", "test"], [name for name in names if name not in ("train", "test")]
    return names, []


def _read_columns_and_sizes(
    builder: Any, splits: list[str], image_key: str
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return all scalar features, each (N,), and the image sizes (N, 2) in one pass that decodes no image."""
    features = dict(sorted(builder.info.features.items()))
    scalars = [key for key, feature in features.items() if feature.shape == () and _kind(feature) in "biufOSU"]
    height, width, *_ = features[image_key].shape
    is_sized = None not in (height, width)
    values, sizes = {key: [] for key in scalars}, []
    for split in splits if scalars or not is_sized else ():
        rows = _open_split(builder, split)
        for first in range(0, len(rows), _BLOCK):
            for example in rows.__getitems__(range(len(rows))[first : first + _BLOCK]):
                for key in scalars:
                    values[key].append(example[key])
                if not is_sized:
                    image = example[image_key]
                    is_file = isinstance(image, bytes)  # Pillow reads only its header
                    sizes.append(Image.open(io.BytesIO(image)).size[::-1] if is_file else image.shape[:2])
    num_images = sum(builder.info.splits[split].num_examples for split in splits)
    columns = {key: _column(features[key], values[key]) for key in scalars}
    return columns, np.broadcast_to(np.array(sizes or (height, width), np.int32), (num_images, 2))


def _make_read(
    builder: Any, splits: list[str], image_key: str
) -> Callable[[np.ndarray], np.ndarray | Sequence[np.ndarray]]:
    """Return the `Source.read` function of the concatenated splits."""
    feature = builder.info.features[image_key]
    is_sized = None not in feature.shape
    sources = [_open_split(builder, split) for split in splits]
    starts = np.cumsum([0, *map(len, sources)])

    def read(rows: np.ndarray) -> np.ndarray | list[np.ndarray]:
        decoded: dict[int, np.ndarray] = {}
        parts = np.searchsorted(starts, rows, side="right") - 1
        for part in np.unique(parts):
            places = np.flatnonzero(parts == part)
            found = sources[part].__getitems__((rows[places] - starts[part]).tolist())
            for place, example in zip(places, found, strict=True):
                decoded[int(place)] = _decode(example[image_key], feature)
        images = [decoded[place] for place in range(len(rows))]
        return np.stack(images) if is_sized and images else images

    return read


def _open_split(builder: Any, split: str) -> Any:
    """Return the examples of a split, with images as stored bytes."""
    import tensorflow_datasets as tfds

    encoded = [key for key, feature in builder.info.features.items() if type(feature).__name__ in _ENCODED]
    return builder.as_data_source(split, decoders=dict.fromkeys(encoded, tfds.decode.SkipDecoding()))


def _kind(feature: Any) -> str:
    """Return NumPy's kind code of the feature's type."""
    return np.dtype(feature.np_dtype).kind


def find_image(features: dict[str, Any], key: str, name: str) -> str:
    """Return the name of the image feature: `key` or the only candidate. Raises InputError if it is ambiguous."""
    candidates = [k for k, f in features.items() if _is_image(f)]
    if key in candidates:
        return key
    if key not in ("", "images"):
        raise InputError(f"config.data.images_key: expected one of {', '.join(candidates) or 'none'}; found {key!r}")
    if len(candidates) != 1:
        raise InputError(
            f"{name}: expected one feature of images (h, w) or (h, w, c), found "
            f"{' and '.join(candidates) or 'none'} among {', '.join(features)}; set config.data.images_key"
        )
    return candidates[0]


def _is_image(feature: Any) -> bool:
    if type(feature).__name__ not in (*_ENCODED, "Tensor") or _kind(feature) not in "biuf":
        return False
    return len(feature.shape) in (2, 3) and None not in feature.shape[2:]


def find_label(features: dict[str, Any], key: str, image_key: str, name: str) -> str | None:
    """Return the name of the label feature, if any. Raises InputError if config.data.label_column is unsuitable."""
    if key in features and key != image_key:
        if features[key].shape != () or _kind(features[key]) not in "biuOSU":
            raise InputError(
                f"{name}: expected classes, integers or texts as labels, found {features[key]} in {key}; "
                f"set config.data.label_column"
            )
        return key
    if key not in ("", "label"):
        raise InputError(f"config.data.label_column: expected one of {', '.join(features)}; found {key!r}")
    classes = [k for k, f in features.items() if type(f).__name__ == "ClassLabel"]
    return classes[0] if len(classes) == 1 else None


def _column(feature: Any, values: list) -> np.ndarray:
    """Return (N,) numbers, texts or class names ('' for class -1); class names that are all integers as integers."""
    if type(feature).__name__ == "ClassLabel":
        numbers, names = np.array(values, int), np.array(feature.names or [])
        if all(name.isdigit() for name in names):
            return np.where(numbers < 0, -1, names.astype(int)[numbers]) if len(names) else numbers
        return np.where(numbers < 0, "", names[numbers])
    if _kind(feature) in "OSU":
        texts = (value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values)
        return np.array(list(texts))
    return np.array(values, np.dtype(feature.np_dtype))


def _decode(value: bytes | np.ndarray, feature: Any) -> np.ndarray:
    """Return the image (h, w, c) in the feature's type. tensorflow-datasets would need OpenCV for 16 bits."""
    if not isinstance(value, bytes):
        return value if value.ndim == 3 else value[:, :, None]
    with Image.open(io.BytesIO(value)) as image:
        if np.dtype(feature.np_dtype) == np.float32:  # stored as the four channels of an RGBA PNG
            return np.array(image.convert("RGBA")).view(np.float32)
        if np.dtype(feature.np_dtype) == np.uint8:
            image = image.convert({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[feature.shape[2]])
        pixels = np.array(image).astype(feature.np_dtype, copy=False)
    return pixels.reshape(*pixels.shape[:2], -1)


def _how_to_prepare(wanted: str, root: Path) -> str:
    call = f"tfds.builder('{wanted.removeprefix(PREFIX)}', data_dir='{root}', file_format='array_record')"
    import_it = "import tensorflow_datasets as tfds"
    return f'prepare it (may need TensorFlow): python -c "{import_it}; {call}.download_and_prepare()"'
