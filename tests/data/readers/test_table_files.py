import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from irl_inr_jax.data.readers.table_files import read_columns, to_numbers
from irl_inr_jax.types import InputError


@pytest.fixture
def read(tmp_path):
    def read(name, content, text=()):
        content = content.encode() if isinstance(content, str) else content
        if isinstance(content, pa.Table):
            parquet.write_table(content, tmp_path / name)
        else:
            (tmp_path / name).write_bytes(content)
        return read_columns(tmp_path / name, key="config.data.path", text=text)

    return read


def test_columns_of_numbers_and_strings(read):
    columns = read("a.csv", 'n,x,word,some,lot,when\n1,0.5,a,,007,2020-01-01\n-2,1e3,"b,\nc",3,12,2020-01-02\n')
    assert {name: values.tolist() for name, values in columns.items() if name != "some"} == {
        "n": [1, -2],
        "x": [0.5, 1000.0],
        "word": ["a", "b,\nc"],
        "lot": ["007", "12"],
        "when": ["2020-01-01", "2020-01-02"],
    }
    np.testing.assert_array_equal(columns["some"], [np.nan, 3.0])
    assert columns["n"].dtype == np.int64


def test_string_after_many_numbers(read):
    """pyarrow infers types from the first megabyte."""
    columns = read("a.csv", "x\n" + "123456789012345678\n" * 60_000 + "word\n")
    assert columns["x"][0] == "123456789012345678" and columns["x"][-1] == "word"


def test_text_columns_stay_strings(read):
    assert read("a.tsv", "id\tx\n01\t1\n1\t2\n", text=("id", "absent"))["id"].tolist() == ["01", "1"]
    table = pa.table({"id": [1, None], "x": [1, None]})
    assert read("a.parquet", table, text=("id",))["id"].tolist() == ["1", ""]


def test_strings_that_a_number_does_not_reproduce_stay_strings():
    for words in (["1_0"], [" 1"], ["12345678901234567890"], ["inf"], ["0x1"], ["1e"], ["."], ["", ""]):
        values = np.array(words)
        assert to_numbers(values) is values


def test_parquet_types(read):
    columns = read(
        "a.parquet",
        pa.table(
            {
                "n": pa.array([1, 2], pa.int8()),
                "gap": pa.array([1, None]),
                "word": pa.array(["a", None]),
                "kind": pa.array(["x", "y"]).dictionary_encode(),
                "when": pa.array([datetime.date(2020, 1, 1), None]),
                "true": pa.array([True, False]),
            }
        ),
    )
    assert columns["n"].tolist() == [1, 2] and columns["word"].tolist() == ["a", ""]
    np.testing.assert_array_equal(columns["gap"], [1, np.nan])
    assert columns["kind"].tolist() == ["x", "y"] and columns["when"].tolist() == ["2020-01-01", ""]
    assert columns["true"].tolist() == ["True", "False"]


def test_byte_order_mark_is_ignored(read):
    assert list(read("a.csv", b"\xef\xbb\xbfpath,x\na,1\n")) == ["path", "x"]


def test_blanks_around_names_and_cells_are_removed(read):
    columns = read("a.csv", "path, label ,id\n a.png , ant, 1 \n", text=("path", "id"))
    assert {name: values.tolist() for name, values in columns.items()} == {
        "path": [" a.png "],  # a file's name, and the header has no blank
        "label": ["ant"],
        "id": [" 1 "],
    }
    assert read("a.csv", "x, path\n1, a.png\n", text=("path",))["path"].tolist() == ["a.png"]
    assert list(read("a.csv", 'path,"label\n1,2\n')) == ["path", "label"]
    assert list(read("a.parquet", pa.table({" x": [1], "path ": ["a"]}))) == ["x", "path"]


@pytest.mark.parametrize("num_rows", [1, 200])
def test_row_of_types_of_ecotaxa(read, num_rows):
    rows = "".join(f"{row}.png\t{row}\t{row / 2}\t7\n" for row in range(num_rows))
    columns = read("a.tsv", f"path\tobject_id\tarea\tlot\n[t]\t[t]\t[f]\t[t]\n{rows}", text=("path",))
    assert columns["path"][0] == "0.png" and len(columns["path"]) == num_rows
    assert columns["area"].tolist() == [row / 2 for row in range(num_rows)]
    assert columns["object_id"][-1] == str(num_rows - 1) and columns["lot"][0] == "7"
    assert len(read("a.tsv", "path\tkind\n[t]\tant\n")["path"]) == 1


def test_large_integers_keep_their_digits(read):
    """Beside empty cells numbers are float64, which holds 15 digits."""
    large = [123456789012345678, 123456789012345679]
    text = read("a.csv", f"x,y\n1,{large[0]}\n2,\n3,{large[1]}\n")
    table = read("a.parquet", pa.table({"y": [large[0], None, large[1]]}))
    assert text["y"].tolist() == table["y"].tolist() == [str(large[0]), "", str(large[1])]
    assert read("a.csv", f"x\n{large[0]}\n{large[1]}\n")["x"].tolist() == large


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"found a damaged one \(Empty CSV file\)"),
        ("a.csv", "path,x\n", "at least one row, found only the header path, x"),
        ("a.csv", "path,x\na,1\nb,2,3\n", r"found a damaged one \(CSV parse error: .*Expected 2 columns, got 3"),
        ("a.csv", b"path\n\xff\xfe\n", "invalid UTF8"),
        ("a.csv", "x,x\n1,2\n", "unique column names, found 'x' twice"),
        ("a.csv", "x, x\n1,2\n", "unique column names, found 'x' twice"),
        ("a.csv", 'x,y\n1,"a\n2,b"\n', "a quotation mark in line 2 that is closed in line 3, with rows between"),
        ("a.parquet", b"", "found a damaged one"),
        ("a.parquet", b"PAR1hello", "found a damaged one"),
    ],
)
def test_damaged_tables_are_errors(read, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        read(name, content)
    assert str(caught.value).startswith("config.data.path (") and "\n" not in str(caught.value)
