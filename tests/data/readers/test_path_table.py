import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from irl_inr_jax.data.readers.path_table import read_table
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)


@pytest.fixture
def images(tmp_path):
    """The pixels of the files a.png, b.png and deep/c.png in tmp_path/images."""
    pixels = {name: RNG.integers(0, 256, (5, 7), dtype=np.uint8) for name in ("a.png", "b.png", "deep/c.png")}
    for name, values in pixels.items():
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(tmp_path / "images" / name)
    return pixels


@pytest.fixture
def read(data, tmp_path, images):
    """read(content): return the Source of a table in tmp_path/images."""

    def read(content, name="table.csv", **keys):
        path = tmp_path / "images" / name
        if isinstance(content, dict):
            parquet.write_table(pa.table(content), path)
        else:
            path.write_text(content)
        data.update(path=str(path), **keys)
        return read_table(data)

    return read


def test_labels_ids_split_and_columns(read, images):
    source = read(
        "label,path,split,area,lot,id\n3,deep/c.png,test,0.5,x,07\n,a.png,train,,x,08\n1,b.png,train,2,y,09\n"
    )
    assert source.ids.tolist() == ["07", "08", "09"] and source.labels.tolist() == [3, -1, 1]
    assert source.test.tolist() == [True, False, False] and set(source.columns) == {"area", "lot"}
    np.testing.assert_array_equal(source.columns["area"], [0.5, np.nan, 2.0])
    assert source.columns["lot"].tolist() == ["x", "x", "y"]
    np.testing.assert_array_equal(source.read(np.array([1, 0]))[..., 0], [images["a.png"], images["deep/c.png"]])


def test_paths_are_the_default_ids(read, tmp_path):
    absolute = str(tmp_path / "images/b.png")
    source = read(f"path\na.png\n{absolute}\n./deep/c.png\n")
    assert source.ids.tolist() == ["a.png", absolute, "./deep/c.png"]
    assert source.labels is None and source.test is None and source.columns == {}


def test_repeated_ids_become_a_column(read):
    source = read("path,id\na.png,p1\nb.png,p1\n")
    assert source.ids.tolist() == ["a.png", "b.png"] and source.columns["id"].tolist() == ["p1", "p1"]
    source = read("path,id\na.png,1\na.png,2\n")
    assert source.ids.tolist() == ["1", "2"]


def test_blanks_in_the_header(read):
    source = read("path, label\na.png, 1\nb.png, 0\n")
    assert source.labels.tolist() == [1, 0]


def test_path_column_and_label_column(read):
    source = read("file,kind,label\na.png,ant,1\nb.png,,2\n", path_column="file", label_column="kind")
    assert source.labels.tolist() == ["ant", ""] and source.columns["label"].tolist() == [1, 2]


@pytest.mark.parametrize("column", ["id", "split"])
def test_a_column_that_is_also_the_label(read, column):
    source = read("path,id,split\na.png,x,train\nb.png,y,test\n", label_column=column)
    assert source.labels.tolist() == {"id": ["x", "y"], "split": ["train", "test"]}[column]
    assert source.ids.tolist() == ["x", "y"] and source.test.tolist() == [False, True] and source.columns == {}


def test_tsv_and_parquet(read):
    text = read("path\tlabel\tx\na.png\tant\t1\nb.png\tbee\t2\n", "t.tsv")
    binary = read({"path": ["a.png", "b.png"], "label": ["ant", "bee"], "x": [1, 2]}, "t.parquet")
    for source in (text, binary):
        assert source.ids.tolist() == ["a.png", "b.png"] and source.labels.tolist() == ["ant", "bee"]
        assert source.columns["x"].tolist() == [1, 2]


def test_missing_files_are_skipped(read):
    table = "path,label,x\na.png,1,5\nnot.png,2,6\n,3,7\nb.png,4,8\n"
    source = read(table, max_unreadable=0.5)
    assert source.ids.tolist() == ["a.png", "b.png"] and source.labels.tolist() == [1, 4]
    assert source.columns["x"].tolist() == [5, 8]
    assert source.skipped == ("not.png: no such file", ": a folder")
    with pytest.raises(InputError, match=r"at most 0 unreadable files of 4, found 2 \(not\.png: no such file"):
        read(table, max_unreadable=0.01)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,label\na.png,1\n", "a column 'path' of image files, found file, label; set config.data.path_column"),
        ("path,label\n", "at least one row"),
        ("path,class\na.png,1\n", "a column 'kind' of labels, as config.data.label_column requests, found class; set"),
        ("path,label\na.png\n", "Expected 2 columns, got 1"),
        ("path,x\na.png,1\na.png,2\n", "each file once, found 'a.png' more than once; .*a column 'id'"),
        ("path,split\na.png,train\nb.png,val\n", "train or test in the column 'split', found 'val' in row 2"),
        ("path,label\na.png,0.5\n", "integers or strings as labels, found 0.5"),
    ],
)
def test_other_tables_are_errors(read, content, message):
    keys = {"label_column": "kind"} if "label_column" in message else {}
    with pytest.raises(InputError, match=message) as caught:
        read(content, **keys)
    assert str(caught.value).startswith("config.data.path (") and "table.csv" in str(caught.value)


def test_paths_with_backslashes(read, images):
    source = read("path,label\ndeep\\c.png,1\na.png,0\n")
    np.testing.assert_array_equal(source.read(np.array([0]))[0, :, :, 0], images["deep/c.png"])
    assert source.ids.tolist() == ["deep\\c.png", "a.png"]
    with pytest.raises(InputError, match=r"found 'C:\\\\lots\\\\a\.png' in row 2, with the backslashes of Windows"):
        read("path\na.png\nC:\\lots\\a.png\n")


def test_a_name_that_is_too_long_is_an_unreadable_file(read):
    with pytest.raises(InputError, match=r"at most 0 unreadable files of 2, found 1 \(x+\.png: File name too long"):
        read(f"path\na.png\n{'x' * 300}.png\n")


def test_other_columns_of_parquet_files_are_named(read):
    source = read({"path": ["a.png", "b.png"], "votes": [[1, 2], [3]], "raw": [b"a", b"b"]}, "t.parquet")
    assert source.notes == ("columns of t.parquet that are not read: votes, raw",) and source.columns == {}
    with pytest.raises(InputError, match=r"a column 'votes' of image files, found path, votes \(list<"):
        read({"path": ["a.png"], "votes": [[1, 2]]}, "t.parquet", path_column="votes")


def test_labels_as_lists_of_zeros_and_ones(read):
    source = read({"path": ["a.png", "b.png"], "label": [[0, 1, 0], [1, 0, 0]]}, "t.parquet")
    assert source.labels.tolist() == [1, 0] and source.notes == ()
    for lists, message in (([[1], [1, 2]], "found lists of several lengths"), ([[1, 2], [3, 4]], "found an array of")):
        with pytest.raises(InputError, match=f"label.*{message}"):
            read({"path": ["a.png", "b.png"], "label": lists}, "t.parquet")


def test_damaged_parquet_is_an_error(read, tmp_path):
    with pytest.raises(InputError, match=r"t\.parquet\): expected a readable table, found a damaged one"):
        read("PAR1 and then something else", "t.parquet")
