"""Stacks and folders of aligned images, written in batches and read back."""

import mrcfile
import numpy as np
import pytest
import tifffile

from irl_inr_jax.data.readers.image_files import read_image
from irl_inr_jax.report.aligned_files import (
    check_format,
    name_image_files,
    open_image_folder,
    open_stack,
    write_index,
)
from irl_inr_jax.types import InputError

READ = {"npy": np.load, "tif": tifffile.imread, "mrcs": mrcfile.read}


def make_images(dtype, channels):
    values = np.random.default_rng(0).random((7, 6, 6, channels))
    return (values * (1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind, channels", [("npy", 1), ("npy", 3), ("tif", 1), ("tif", 3), ("mrcs", 1)])
def test_a_stack_holds_all_images_in_order_and_type(tmp_path, kind, channels, dtype):
    images = make_images(dtype, channels)
    check_format(kind, images.dtype, channels)
    with open_stack(tmp_path, kind, images.shape, images.dtype) as write:
        for first in range(0, 7, 3):
            write(first, images[first : first + 3])
    read = READ[kind](tmp_path / f"aligned.{kind}")
    np.testing.assert_array_equal(read, images[..., 0] if channels == 1 else images)
    # MRC has no unsigned 8 bits.
    assert read.dtype == (np.uint16 if kind == "mrcs" and dtype == np.uint8 else dtype)


def test_an_mrc_stack_is_one_of_images(tmp_path):
    images = make_images(np.float32, 1)
    with open_stack(tmp_path, "mrcs", images.shape, images.dtype) as write:
        write(0, images)
    with mrcfile.open(tmp_path / "aligned.mrcs") as file:
        assert file.is_image_stack() and file.header.dmax == pytest.approx(images.max())


def test_a_folder_has_one_file_per_image_under_the_name_of_its_id(tmp_path):
    images, ids = make_images(np.uint16, 1), np.array([f"lot/{number}.tif" for number in range(7)])
    files = name_image_files(ids)
    assert files[3] == "lot_3.png"
    with open_image_folder(tmp_path / "images", files) as write:
        write(0, images[:4])
        write(4, images[4:])
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(read_image(tmp_path / "images" / file), image)


def test_the_index_names_the_file_or_the_number(tmp_path):
    ids, clusters = np.array(["a,1", "b"]), np.array([3, -1], np.int32)
    write_index(tmp_path / "ids.csv", ids, clusters, None, None, raw=False)
    assert (tmp_path / "ids.csv").read_text().splitlines() == ["id,cluster,number", '"a,1",3,0', "b,-1,1"]
    write_index(tmp_path / "ids.csv", ids, clusters, None, ["x.png", "y.png"], raw=False)
    assert (tmp_path / "ids.csv").read_text().splitlines()[1:] == ['"a,1",3,x.png', "b,-1,y.png"]
    write_index(tmp_path / "ids.csv", ids, clusters, ["ring", "none"], None, raw=False)
    lines = (tmp_path / "ids.csv").read_text().splitlines()
    assert lines == ["id,cluster,cluster_name,number", '"a,1",3,ring,0', "b,-1,none,1"]


@pytest.mark.parametrize("kind, dtype, channels", [("png", np.float32, 1), ("png", np.uint8, 2), ("mrcs", np.uint8, 3)])
def test_formats_that_cannot_hold_the_images_are_refused(kind, dtype, channels):
    with pytest.raises(InputError, match=f"--format {kind}"):
        check_format(kind, np.dtype(dtype), channels)
