import csv
import io

import numpy as np
import pytest

from irl_inr_jax.data.readers.table_files import read_columns
from irl_inr_jax.data.readers.table_text import decode_table, escape_quotes, find_separator, read_table_text, split_row

RNG = np.random.default_rng(0)


def rows_of(text, separator=","):
    return list(csv.reader(io.StringIO(text), delimiter=separator))


@pytest.mark.parametrize("separator", [",", "\t"])
def test_well_formed_rows_agree_with_the_csv_module(separator):
    cells = ["", "a", "a b", 'say "x"', f"a{separator}b", '"', '""', "ä"]
    for _ in range(50):
        row = RNG.choice(cells, 4).tolist()
        line = io.StringIO()
        csv.writer(line, delimiter=separator).writerow(row)
        line = line.getvalue().removesuffix("\r\n")
        assert split_row(line, separator) == row
        assert rows_of("\n".join(escape_quotes(["1" + separator * 3, line], separator)), separator)[1] == row


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
@pytest.mark.parametrize(
    "stray", [{5: '"broken'}, {5: '"a', 30: '" as 5'}, {5: '"a', 30: 'b"'}, {5: '5" disc', 6: '"'}]
)
def test_no_row_becomes_part_of_a_cell(tmp_path, name, stray):
    separator = {"csv": ",", "tsv": "\t"}[name[2:]]
    rows = [["path", "label", "remark"], *([f"{row}.png", "ab"[row % 2], stray.get(row, "ok")] for row in range(40))]
    (tmp_path / name).write_text("\n".join(separator.join(row) for row in rows))
    columns = read_columns(tmp_path / name, key="x")
    assert columns["path"].tolist() == [f"{row}.png" for row in range(40)]
    assert columns["remark"].tolist() == [stray.get(row, "ok") for row in range(40)]


def test_a_separator_between_marks_that_enclose_nothing():
    assert rows_of("\n".join(escape_quotes(["a\tb\tc", '1\t"x\ty"'], "\t")), "\t")[1] == ["1", '"x', 'y"']
    assert rows_of("\n".join(escape_quotes(["a\tb", '1\t"x\ty"'], "\t")), "\t")[1] == ["1", "x\ty"]


def test_line_breaks_within_cells():
    assert rows_of("\n".join(escape_quotes(["a,b,c", '1,"x', 'y",2', "3,4,5"], ",")))[1:] == [
        ["1", "x\ny", "2"],
        ["3", "4", "5"],
    ]
    with pytest.raises(ValueError, match="in line 2 that is closed in line 3"):
        escape_quotes(["a,b", '1,"x', 'y,z"'], ",")


def test_encodings():
    text = "path,Größe\nä,1\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert decode_table(text.encode(encoding)) == text
    with pytest.raises(ValueError, match="invalid UTF8 at byte 7"):
        decode_table(text.encode("latin-1"))


def test_separators():
    for header, expected, found in [
        ("path,label", ",", ","),
        ("path;label", ",", ";"),
        ("path\tlabel", ",", "\t"),
        ("path,label", "\t", ","),
        ('path;"a,b";c', ",", ";"),
        ("path", ",", ","),
        ("a;b,c", ",", ","),
    ]:
        assert find_separator(header, expected) == found
    table = read_table_text(b"sep=|\r\npath|x;y\r\na|1\r\n", ",")
    assert table.names == ["path", "x;y"] and table.separator == "|"
    with pytest.raises(ValueError, match="Empty"):
        read_table_text(b"\n\n", ",")
