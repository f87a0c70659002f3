"""Test that CSV files hold no formulas and give every text back."""

import csv
import itertools

import numpy as np
import pytest

from irl_inr_jax.data.csv_cells import format_rows, protect_cell, read_csv, restore_cell, write_csv

TEXTS = ["".join(letters) for n in range(5) for letters in itertools.product("'=-1.\t", repeat=n)]
FORMULAS = [
    "=1+1",
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "\t=1",
    "\r=1",
    "'=1",
    "''-x",
    "-",
    "-1.2.3",
    "+1e",
    "-1e5x",
]


def test_every_text_is_read_back_as_it_was_written():
    assert [restore_cell(protect_cell(text)) for text in TEXTS + FORMULAS] == TEXTS + FORMULAS
    assert len({protect_cell(text) for text in TEXTS}) == len(TEXTS)


def test_no_written_text_is_a_formula_and_only_formulas_are_changed():
    for text in TEXTS + FORMULAS:
        written = protect_cell(text)
        assert written[:1] not in ("=", "@", "\t", "\r")
        if written[:1] in ("+", "-"):
            float(written)
        assert written == text or (written == f"'{text}" and text.lstrip("'")[0] in "=+-@\t\r")


@pytest.mark.parametrize("value", [-1, np.float32(-2), None, "-1", "+3.5", "-.5", "-1e-9", "+2E5", "3-4", "ü", ""])
def test_numbers_and_other_values_are_unchanged(value):
    assert protect_cell(value) is value


def test_a_table_is_read_back_and_may_be_raw(tmp_path):
    table = {"id": ["=a", "'=a", 'b"\r\n,', "-3"], "@col": ["-1", "x", "", "\t"], "n": ["-1", "2", "-3.5", "4"]}
    for raw in (False, True):
        write_csv(tmp_path / "a.csv", table, raw=raw)
        assert {name: list(cells) for name, cells in read_csv(tmp_path / "a.csv", raw=raw).items()} == table
        with (tmp_path / "a.csv").open(newline="") as file:
            header, first, *_ = csv.reader(file)
        assert header == (["id", "@col", "n"] if raw else ["id", "'@col", "n"])
        assert first == (["=a", "-1", "-1"] if raw else ["'=a", "-1", "-1"])
    write_csv(tmp_path / "empty.csv", {"id": [], "x": []}, raw=False)
    assert read_csv(tmp_path / "empty.csv", raw=False) == {"id": (), "x": ()}
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".csv"] == []
    assert format_rows([["=a", -1]], raw=False) == "'=a,-1\n" and format_rows([["=a", -1]], raw=True) == "=a,-1\n"


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b'a\n"1', b"a\n\xff\n", b"a,b\n1,2,3\n"])
def test_a_damaged_table_is_a_value_error(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_csv(tmp_path / "a.csv", raw=False)
