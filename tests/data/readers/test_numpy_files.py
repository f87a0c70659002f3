import numpy as np
import pytest

from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.readers.numpy_files import open_npy, open_npz
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 6, 6), dtype=np.uint8)


@pytest.fixture
def make(data, tmp_path):
    """make(arrays, **keys): return the Dataset of mine.npz, after writing `arrays` to it if given."""

    def make_it(arrays=None, **keys):
        path = tmp_path / "mine.npz"
        if arrays is not None:
            np.savez(path, **arrays)
        data.update(path=str(path))
        data.update(**keys)
        return assemble_dataset(data, open_npz(data))

    return make_it


def test_images_without_labels(make):
    dataset = make({"images": IMAGES})
    np.testing.assert_array_equal(dataset.train.images[..., 0], IMAGES)
    assert dataset.test is None and dataset.train.labels is None and dataset.train.pose is None
    assert dataset.class_names == () and dataset.train.ids[7] == "images/00007"


def test_labels_ids_and_test_split(make):
    ids = np.array([f"lot{row}" for row in range(12)])
    dataset = make(
        {
            "images": IMAGES,
            "labels": np.array([5, 2, 9] * 4),
            "ids": ids,
            "images_test": IMAGES[:3],
            "labels_test": np.array([2, 2, 7]),
            "ids_test": np.arange(3),
            "notes": np.array("not read"),
        }
    )
    assert "arrays of mine.npz that are not read: notes" in dataset.notes
    assert dataset.class_names == ("2", "5", "7", "9")
    assert list(dataset.train.labels[:3]) == [1, 0, 3] and list(dataset.test.labels) == [0, 0, 2]
    assert list(dataset.train.ids) == list(ids) and list(dataset.test.ids) == ["0", "1", "2"]


def test_ids_keep_the_row_after_images_are_excluded(make):
    arrays = {"images": IMAGES, "labels": np.array(["a", "b", "c"] * 4)}
    dataset = make(arrays, exclude_classes=("b",), num_train=5)
    assert dataset.class_names == ("a", "c") and len(dataset.train.ids) == 5
    for image, name, label in zip(dataset.train.images, dataset.train.ids, dataset.train.labels, strict=True):
        row = int(name.removeprefix("images/"))
        np.testing.assert_array_equal(image[..., 0], IMAGES[row])
        assert dataset.class_names[label] == "abc"[row % 3]


def test_canvas_pads_the_images(make):
    images = make({"images": IMAGES}, canvas=10, background="0").train.images
    np.testing.assert_array_equal(images[:, 2:8, 2:8, 0], IMAGES)
    assert images.shape == (12, 10, 10, 1) and images.sum() == IMAGES.sum()
    with pytest.raises(InputError, match=r"config\.data\.canvas: expected 0 or at least 6"):
        make(canvas=5)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES, "arr": IMAGES}, r"mine\.npz\): expected an array 'images', found \['arr', 'x'\]; set"),
        ({"images": np.array(3)}, r"npz, images\): expected images of shape .*found an array of shape \(\)"),
        ({"images": IMAGES[0]}, r"found an array of shape \(6, 6\)"),
        ({"images": np.array([None, {}], object)}, "found Python objects"),
        ({"images": IMAGES, "labels": np.array([None] * 12, object)}, "found Python objects"),
        ({"images": IMAGES, "labels": np.zeros(11, int)}, "one label for each of the 12 images, found 11"),
        ({"images": IMAGES, "labels": np.full((12, 2), 2)}, r"12 images, found an array of shape \(12, 2\)"),
        ({"images": IMAGES, "ids": np.arange(11)}, "one id for each of the 12 images, found 11"),
        ({"images": IMAGES, "ids": np.zeros(12, int)}, "unique ids, found '0' more than once"),
        ({"images": IMAGES.transpose(1, 2, 0)[None, :3]}, r"looks like \(N, c, h, w\)"),
        ({"images": IMAGES, "labels": np.full(12, 0.5)}, "integers or strings as labels, found 0.5"),
        ({"images": IMAGES / np.nan}, "NaN or infinity in 12 of 12 images, first in images/00000"),
        ({"images": IMAGES * 0}, "found 0 at every pixel"),
        ({"images": IMAGES, "images_test": IMAGES / 2}, "test images as the training images, uint8 .*found float64"),
        (
            {"images": IMAGES, "labels": np.arange(12), "images_test": IMAGES, "labels_test": np.array(["a"] * 12)},
            "labels of one type in both splits, found numbers and strings",
        ),
        ({"images": IMAGES, "images_test": IMAGES[:, :3, :3]}, "expected test images as the training images"),
    ],
)
def test_other_arrays_are_errors(make, arrays, message):
    with pytest.raises(InputError, match=message) as caught:
        make(arrays)
    assert str(caught.value).startswith("config.data.path") and "\n" not in str(caught.value)


def test_damaged_and_other_files_are_errors(make, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, images=IMAGES)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[300] ^= 0xFF
    for content, message in [
        (b"", "another kind of file or a truncated one"),
        (b"not an archive", "another kind of file or a truncated one"),
        (whole[: len(whole) // 2], "another kind of file or a truncated one"),
        (bytes(flipped), "found a damaged file"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            make()
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with path.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(InputError, match="another kind of file"):
        make()


def test_images_key_and_labels_key(data, tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=np.arange(12), x_test=IMAGES[:2])
    data.update(path=str(tmp_path / "a.npz"), images_key="x", labels_key="y")
    source = open_npz(data)
    assert source.labels.tolist() == [*range(12), -1, -1] and source.test.tolist() == [False] * 12 + [True] * 2
    assert source.ids[[0, 13]].tolist() == ["x/00000", "x_test/00001"]
    np.testing.assert_array_equal(source.read(np.array([12, 3]))[..., 0], IMAGES[[0, 3]])
    np.savez(tmp_path / "a.npz", x=IMAGES, x_test=IMAGES[:2], y_test=np.array(["ant", "bee"]))
    assert open_npz(data).labels.tolist() == [""] * 12 + ["ant", "bee"]


def test_names_of_keras_and_medmnist(make):
    """x_test belongs to x_train; a validation split is neither of both, and named."""
    arrays = {"x_train": IMAGES, "x_val": IMAGES, "x_test": IMAGES[:2]}
    labels = {"y_train": np.ones((12, 1)), "y_val": np.ones((12, 1)), "y_test": np.zeros((2, 1))}
    dataset = make(arrays | labels, images_key="x_train", labels_key="y_train")
    assert len(dataset.train.ids) == 12 and dataset.test.ids.tolist() == ["x_test/00000", "x_test/00001"]
    assert dataset.test.labels.tolist() == [0, 0] and dataset.class_names == ("0", "1")
    assert "arrays of mine.npz that are not read: x_val, y_val" in dataset.notes


def test_a_requested_array_that_is_missing_is_an_error(make):
    with pytest.raises(InputError, match=r"array 'target', as config.data.labels_key requests, found \['images'"):
        make({"images": IMAGES, "y": np.arange(12)}, labels_key="target")
    with pytest.raises(InputError, match=r"array 'pictures', found \['images', 'y'\]; set config.data.images_key"):
        make(images_key="pictures", labels_key="labels")


def test_bytes_of_ids_and_labels_are_utf8(make):
    names = np.array(["Müll"] * 6 + ["b"] * 6)
    ids = np.char.add("é", np.arange(12).astype(str))
    arrays = {"images": IMAGES, "labels": np.char.encode(names, "utf-8"), "ids": np.char.encode(ids, "utf-8")}
    dataset = make(arrays)
    assert dataset.class_names == ("Müll", "b") and dataset.train.ids.tolist() == ids.tolist()
    for key, values in (("labels", names), ("ids", ids)):
        with pytest.raises(InputError, match="expected text in UTF-8, found"):
            make(arrays | {key: np.char.encode(values, "latin-1")})


def test_longer_labels_of_the_test_split_are_not_truncated(data, tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES[:1], labels=["a"], images_test=IMAGES[:1], labels_test=["longer"])
    data.path = str(tmp_path / "a.npz")
    assert open_npz(data).labels.tolist() == ["a", "longer"]


@pytest.mark.parametrize("dtype", ["u1", ">u2", "?", "i8", "f8", "f2"])
@pytest.mark.parametrize("shape", [(12, 6, 6), (4, 6, 6, 3)])
def test_npy_is_memory_mapped(data, tmp_path, dtype, shape):
    images = IMAGES.ravel()[: np.prod(shape)].reshape(shape).astype(dtype)
    np.save(tmp_path / "a.npy", images)
    data.path = str(tmp_path / "a.npy")
    source = open_npy(data)
    assert source.ids[3] == "a/00003" and source.dtype == (
        images.dtype.newbyteorder("=") if dtype in "u1>u2?" else "f4"
    )
    rows = np.array([3, 0, 3])
    read = source.read(rows)
    assert read.dtype == source.dtype and read.dtype.isnative and type(read) is np.ndarray
    np.testing.assert_array_equal(read, images.reshape(*shape[:3], -1)[rows])


def test_npy_larger_than_memory(data, tmp_path):
    np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint16, (100_000, 1000, 1000))
    data.path = str(tmp_path / "a.npy")
    assert open_npy(data).read(np.array([99_999])).shape == (1, 1000, 1000, 1)


@pytest.mark.parametrize("shape", [(-1, 12, 12), (2**62, 12, 12), (2**32, 2**32, 4), (10**9, 12, 12)])
def test_npy_with_an_impossible_shape_is_an_error(data, tmp_path, shape):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.write(IMAGES.tobytes())
    data.path = str(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"an array written by numpy\.save, .*(a negative length|which needs \d+)"):
        open_npy(data)


def test_other_and_damaged_npy_files_are_errors(data, tmp_path):
    path = tmp_path / "a.npy"
    data.path = str(path)
    np.save(path, IMAGES)
    whole = path.read_bytes()
    for content, message in [
        (b"", "it is empty"),
        (b"hello", "a damaged one"),
        (whole[:50], "a damaged one"),
        (whole[:-10], "a damaged one"),
        (IMAGES[0], r"found an array of shape \(6, 6\)"),
        (IMAGES[:0], "expected at least one image"),
        (np.zeros((9, 3, 6, 6)), r"looks like \(N, c, h, w\)"),
        (np.array([None]), "Python objects|allow_pickle"),
        (IMAGES.astype(complex), "real numbers, found type complex128"),
        (IMAGES.astype(str), "real numbers, found type <U"),
    ]:
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.save(path, content)
        with pytest.raises(InputError, match=message) as caught:
            open_npy(data)
        assert str(caught.value).startswith(f"config.data.path ({path}): expected")
    np.savez(tmp_path / "b.npz", IMAGES)
    (tmp_path / "b.npz").rename(path)
    with pytest.raises(InputError, match=r"found an archive; rename it to \.npz"):
        open_npy(data)
