import io
import json

import numpy as np
import pyarrow as pa
import pytest
import tifffile
from PIL import Image
from pyarrow import parquet

from irl_inr_jax.data.readers.embedded_images import EmbeddedImages, list_image_columns, read_class_names
from irl_inr_jax.data.readers.image_files import UnreadableImage
from irl_inr_jax.data.readers.path_table import read_table
from irl_inr_jax.types import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 6), dtype=np.uint8)
LABELS = [0, 1, 1, 0, -1, 0, 1]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "h.parquet"


@pytest.fixture
def read(data, path):
    """read(columns, **keys): return the Source of a Parquet file with two rows in a group."""

    def read(columns, metadata=None, **keys):
        parquet.write_table(pa.table(columns).replace_schema_metadata(metadata), path, row_group_size=2)
        data.update(path=str(path), **keys)
        return read_table(data)

    return read


def records(names=True):
    return [{"bytes": png(image), "path": f"{row}.png" if names else None} for row, image in enumerate(IMAGES)]


@pytest.mark.parametrize("keys", [{}, {"path_column": "image"}])
@pytest.mark.parametrize("memory_mb", [2000, 0])
def test_images_of_the_hugging_face_hub(read, path, keys, memory_mb):
    names = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}
    columns = {"image": records(), "label": LABELS, "x": np.arange(7)}
    source = read(columns, {"huggingface": json.dumps(names)}, memory_mb=memory_mb, **keys)
    rows = np.array([6, 0, 3, 3, 2])
    np.testing.assert_array_equal(source.read(rows)[..., 0], IMAGES[rows])
    assert source.ids[2] == "2.png" and source.labels.tolist() == ["cat", "dog", "dog", "cat", "", "cat", "dog"]
    assert source.columns["x"].tolist() == list(range(7)) and source.notes == ()
    assert set(source.files) == {str(path)} and source.pages.tolist() == list(range(7))


@pytest.mark.parametrize("kind", ["bytes", "record"])
def test_images_without_names(read, kind):
    source = read({"image": records(names=False) if kind == "record" else [png(image) for image in IMAGES]})
    np.testing.assert_array_equal(source.read(np.arange(7))[..., 0], IMAGES)
    assert source.ids[6] == "h/00006" and source.labels is None


def test_records_without_bytes_name_a_file(read, path):
    Image.fromarray(IMAGES[0]).save(path.with_name("0.png"))
    source = read({"image": [{"bytes": None, "path": "0.png"}, {"bytes": png(IMAGES[1]), "path": "1.png"}]})
    np.testing.assert_array_equal(source.read(np.arange(2))[..., 0], IMAGES[:2])


def test_all_formats_keep_their_bits(read):
    deep = (IMAGES[0].astype(np.uint16) + 1000) * 3
    tiff = io.BytesIO()
    tifffile.imwrite(tiff, deep)
    source = read({"image": [tiff.getvalue(), png(deep)]})
    np.testing.assert_array_equal(source.read(np.arange(2))[..., 0], [deep, deep])


def test_damaged_and_empty_images_are_unreadable_files(read):
    cells = [png(IMAGES[0]), b"hello", b"", None, png(IMAGES[4])]
    source = read({"image": cells, "x": np.arange(5)}, max_unreadable=0.6)
    np.testing.assert_array_equal(source.read(np.arange(2))[..., 0], IMAGES[[0, 4]])
    assert source.pages.tolist() == [0, 4] and source.columns["x"].tolist() == [0, 4] and len(source.skipped) == 3
    assert source.skipped[1:] == ("h/00002: an empty file", "h/00003: an empty cell")
    with pytest.raises(InputError, match="at most 0 unreadable files of 5, found 3"):
        read({"image": cells}, max_unreadable=0.0)


def test_several_columns_of_images_are_an_error_with_their_names(read):
    columns = {"left": records(), "right": records(), "label": LABELS}
    with pytest.raises(InputError, match=r"found label, left \(struct<bytes: .*, right \(struct<bytes"):
        read(columns)
    source = read(columns, path_column="right")
    assert source.notes == ("columns of h.parquet that are not read: left",)


def test_rows_of_a_large_file_are_read_by_groups(path):
    parquet.write_table(pa.table({"image": records()}), path, row_group_size=2)
    assert list_image_columns(path) == ["image"] and read_class_names(path, "label") == ()
    images = EmbeddedImages(path, "image", max_bytes=0.0)
    assert len(images) == 7 and images.names[6] == "6.png"
    for row in (0, 6, 1):
        np.testing.assert_array_equal(images.read(path / str(row))[..., 0], IMAGES[row])
    parquet.write_table(pa.table({"image": [b"x"]}), path)
    with pytest.raises(UnreadableImage, match=r"h\.parquet/0, found none \(cannot identify"):
        EmbeddedImages(path, "image", max_bytes=9.0).read(path / "0")
