import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from irl_inr_jax.data.readers.table_files import read_columns, to_labels, to_numbers
from irl_inr_jax.types import InputError


@pytest.fixture
def read(tmp_path):
    def read(name, content, text=()):
        content = content.encode() if isinstance(content, str) else content
        if isinstance(content, pa.Table):
            pa.parquet.write_table(content, tmp_path / name)
        else:
            (tmp_path / name).write_bytes(content)
        return read_columns(tmp_path / name, key="config.data.path", text=text)

    return read


def test_columns_are_numbers_where_all_cells_are(read):
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


def test_a_word_after_very_many_numbers(read):
    columns = read("a.csv", "x\n" + "1\n" * 600_000 + "word\n")
    assert columns["x"][0] == "1" and columns["x"][-1] == "word"


def test_columns_that_are_text_stay_text(read):
    assert read("a.tsv", "id\tx\n01\t1\n1\t2\n", text=("id", "absent"))["id"].tolist() == ["01", "1"]
    table = pa.table({"id": [1, None], "x": [1, None]})
    assert read("a.parquet", table, text=("id",))["id"].tolist() == ["1", ""]


def test_what_no_number_gives_back_stays_text():
    for words in (["1_0"], [" 1"], ["12345678901234567890"], ["inf"], ["0x1"], ["1e"], ["."], ["", ""]):
        values = np.array(words)
        assert to_numbers(values) is values


def test_parquet_of_many_types(read):
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


def test_a_byte_order_mark_belongs_to_no_name(read):
    assert list(read("a.csv", b"\xef\xbb\xbfpath,x\na,1\n")) == ["path", "x"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"cannot be read \(Empty CSV file\)"),
        ("a.csv", "path,x\n", "at least one row, found a table with the columns path, x alone"),
        ("a.csv", "path,x\na,1\nb,2,3\n", r"cannot be read \(CSV parse error: .*Expected 2 columns, got 3"),
        ("a.csv", b"path\n\xff\xfe\n", "invalid UTF8"),
        ("a.csv", "x,x\n1,2\n", "columns of different names, found 'x' twice"),
        ("a.parquet", b"", "cannot be read"),
        ("a.parquet", b"PAR1hello", "cannot be read"),
    ],
)
def test_damaged_tables_are_errors(read, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        read(name, content)
    assert str(caught.value).startswith("config.data.path (") and "\n" not in str(caught.value)


def test_labels_are_whole_numbers_or_words():
    assert to_labels(np.array([1.0, np.nan, 3.0]), "here").tolist() == [1, -1, 3]
    assert to_labels(np.array(["a", ""]), "here").tolist() == ["a", ""]
    assert to_labels(np.array([4, 2]), "here").tolist() == [4, 2]
    with pytest.raises(InputError, match=r"here: expected labels that are whole numbers or words, found 0\.5"):
        to_labels(np.array([0.5, np.nan]), "here")
