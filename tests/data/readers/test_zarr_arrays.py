"""Images in Zarr stores."""

import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.data.datasets import open_source
from irl_inr_jax.types import InputError

zarr = pytest.importorskip("zarr")
IMAGES = np.random.default_rng(0).integers(0, 60_000, (7, 6, 5)).astype(np.uint16)


@pytest.fixture
def data(tmp_path):
    data = base.get_config().data
    data.update(name="images", path=str(tmp_path / "cells.zarr"))
    return data


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", ["cells.zarr", "cells"])
def test_an_array_of_either_version_is_read(data, tmp_path, version, name):
    data.path = str(tmp_path / name)
    array = zarr.create_array(data.path, shape=IMAGES.shape, chunks=(2, 6, 5), dtype="u2", zarr_format=version)
    array[:] = IMAGES
    source = open_source(data)
    for rows in ([3], [2, 3, 4], [6, 0, 6], range(7)):
        np.testing.assert_array_equal(source.read(np.array(rows))[..., 0], IMAGES[list(rows)])
    assert source.ids[3] == "cells/00003" and source.dtype == np.uint16


def test_images_and_labels_of_a_group(data):
    group = zarr.open_group(data.path, mode="w")
    for name, values in {"images": IMAGES, "a/masks": IMAGES // 2, "labels": np.arange(7) % 2}.items():
        group.create_array(name, shape=values.shape, dtype=values.dtype)[:] = values
    source = open_source(data)
    np.testing.assert_array_equal(source.read(np.arange(7))[..., 0], IMAGES)
    assert source.labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    data.images_key = "a/masks"
    np.testing.assert_array_equal(open_source(data).read(np.array([1]))[0, ..., 0], IMAGES[1] // 2)


def test_what_was_requested_and_is_not_there_is_never_replaced(data):
    group = zarr.open_group(data.path, mode="w")
    group.create_array("volume", shape=IMAGES.shape, dtype=IMAGES.dtype)[:] = IMAGES
    assert len(open_source(data).ids) == 7
    data.images_key = "images2"
    with pytest.raises(InputError, match=r"expected an array 'images2', .* found volume \(7, 6, 5\); set config"):
        open_source(data)
    data.update(images_key="images", labels_key="kinds")
    with pytest.raises(InputError, match=r"expected an array 'kinds' of labels, found volume \(7, 6, 5\)"):
        open_source(data)


def test_another_folder_and_a_damaged_chunk_are_refused(data, tmp_path):
    (tmp_path / "cells.zarr").mkdir()
    with pytest.raises(InputError, match="expected a Zarr store, found another kind of file or a damaged one"):
        open_source(data)
    array = zarr.create_array(data.path, shape=IMAGES.shape, chunks=IMAGES.shape, dtype="u2")
    array[:] = IMAGES
    chunk = next(path for path in (tmp_path / "cells.zarr" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"no codec wrote this")
    with pytest.raises(InputError, match="expected images in the array, found another kind of file or a damaged one"):
        open_source(data).read(np.array([0]))
