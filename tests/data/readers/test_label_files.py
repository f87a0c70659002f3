import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from irl_inr_jax.data.readers.label_files import read_labels
from irl_inr_jax.types import InputError

IDS = np.array(["a/00000", "a/00001", "a/00002"])


@pytest.fixture
def read(data, tmp_path):
    """read(name, content): return the labels of three images from a file with this text, bytes or array."""

    def read(name, content=None, **keys):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            np.save(path, content)
        data.update(labels_path=str(path), **keys)
        return read_labels(data, IDS)

    return read


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("l.npy", np.array([3, 1, 3]), [3, 1, 3]),
        ("l.npy", np.array(["b", "a", ""]), ["b", "a", ""]),
        ("l.txt", "3\n10\n3\n", [3, 10, 3]),
        ("l.txt", "3\n\n3\n", [3, -1, 3]),
        ("l.txt", "bee \nant\n\n", ["bee", "ant", ""]),
        ("l.txt", "007\n10\n3\n", ["007", "10", "3"]),
        ("l.txt", "\ufeff3\r\n10\r\n3\r\n", [3, 10, 3]),
        ("l.txt", "ä\nb\nc".encode("utf-16"), ["ä", "b", "c"]),
        ("l.txt", "a\u2028b\nb\nc", ["a\u2028b", "b", "c"]),
        ("l.npy", np.array([[3.0, 1.0, np.nan]]), [3, 1, -1]),
        ("l.npy", np.eye(3)[[1, 0, 2]], [1, 0, 2]),
        ("l.csv", "label,x\n3,1\n1,1\n,1\n", [3, 1, -1]),
        ("l.tsv", "x\tlabel\n1\tbee\n1\t\n1\tant\n", ["bee", "", "ant"]),
        ("l.csv", "id,label\na/00002,bee\na/00000,ant\n", ["ant", "", "bee"]),
        ("l.csv", "id,label\na/00002,7\na/00000,5\n", [5, -1, 7]),
    ],
)
def test_labels_of_every_format(read, name, content, expected):
    labels = read(name, content)
    assert labels.tolist() == expected and labels.dtype.kind in "iU"


def test_parquet_with_another_label_column(read, tmp_path):
    parquet.write_table(pa.table({"id": IDS[::-1], "kind": [2, 1, 0]}), tmp_path / "l.parquet")
    assert read("l.parquet", label_column="kind").tolist() == [0, 1, 2]


def test_labels_in_npz_and_hdf5_files(read, tmp_path):
    labels = np.array([["b"], ["a"], ["b"]])
    np.savez(tmp_path / "l.npz", y=labels, other=np.zeros(9))
    np.savez(tmp_path / "one.npz", anything=[2, 1, 2])
    with h5py.File(tmp_path / "l.h5", "w") as file:
        file["y"], file["other"] = labels.astype("S"), np.zeros(9)
    with h5py.File(tmp_path / "one.hdf5", "w") as file:
        file["deep/anything"] = [2, 1, 2]
    assert read("one.npz").tolist() == read("one.hdf5").tolist() == [2, 1, 2]
    for name in ("l.npz", "l.h5"):
        with pytest.raises(InputError, match=r"^config\.data\.labels_path .*'labels'.*other.*set config\.data\.l"):
            read(name, labels_key="labels")
        assert read(name, labels_key="y").tolist() == ["b", "a", "b"]
    for name in ("one.npz", "one.hdf5"):
        with pytest.raises(InputError, match="anything"):
            read(name)
        (tmp_path / name).write_bytes(b"hello")
        with pytest.raises(InputError, match=r"^config\.data\.labels_path .*another kind of file"):
            read(name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.npy", None, "expected a file of labels, found no such file"),
        ("l.xls", "1\n", r"expected a file ending in \.npy, \.npz, .*\.parquet, found \.xls"),
        ("l.npy", np.zeros(4, int), "one label for each of the 3 images, found 4"),
        ("l.npy", np.full((3, 2), 2), r"found an array of shape \(3, 2\)"),
        ("l.npy", np.array([None, 1, 2]), "Python objects"),
        ("l.npy", b"", "a damaged file"),
        ("l.npy", b"hello", "a damaged file"),
        ("l.txt", "1\n2\n", "one label for each of the 3 images, found 2"),
        ("l.txt", b"\xff\xfe\n", "expected a text file with one label per line"),
        ("l.txt", "1\n2.5\n3\n", "integers or strings as labels, found 2.5"),
        ("l.csv", "kind\n1\n2\n3\n", "expected a column 'label', found kind; set config.data.label_column"),
        ("l.csv", "id,label\na/00000,1\na/00000,1\n", "unique ids, found 'a/00000' more than once"),
        ("l.csv", "id,label\n0,1\n", "expected ids of the images, such as 'a/00000', found '0'; use the ids"),
    ],
)
def test_errors_name_the_file(read, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        read(name, content)
    assert str(caught.value).startswith("config.data.labels_path (") and name in str(caught.value)
