"""Malicious, damaged and other pickles in place of LSWMD.pkl."""

import dataclasses
import pickle

import numpy as np
import pytest

from irl_inr_jax.data.datasets.lswmd import read_lswmd
from irl_inr_jax.types import InputError
from tests.data.datasets.lswmd_files import (
    MAPS,
    Call,
    Name,
    check_wafers,
    classic_array,
    classic_table,
    columns,
    nested,
    object_array,
    opcodes,
    write,
)

RAN = []


@pytest.fixture
def path(tmp_path):
    return tmp_path / "LSWMD.pkl"


def reveal(*arguments):
    RAN.append(arguments)


class Reveal:
    def __reduce__(self):
        return reveal, (1,)


def harmful():
    """Yield pickles that would execute code: by a plain name, an attribute, a dotted name, or inside a table."""
    shell = Call(Name("os", "system"), ("exit 3",))
    yield "posix.system", _pickled(Call(Name("posix", "system"), ("exit 3",)))
    yield "os.system", _pickled(shell)
    yield "builtins.eval", _pickled(Call(Name("builtins", "eval"), ("1 + 1",)))
    yield "__builtin__.eval", _pickled(Call(Name("__builtin__", "eval"), ("1 + 1",)))
    yield "builtins.getattr", _pickled(Call(Name("builtins", "getattr"), (Name("numpy", "ndarray"), "tofile")))
    yield "numpy.ndarray.tofile", b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
    yield "pandas.DataFrame.__init__", b"\x80\x04\x8c\x06pandas\x8c\x12DataFrame.__init__\x93."
    yield "numpy.load", _pickled(Call(Name("numpy", "load"), ("x",)))
    yield "pandas.eval", _pickled(Call(Name("pandas", "eval"), ("1",)))
    yield (
        "irl_inr_jax.data.readers.pandas_pickle._Placeholder",
        _pickled(Name("irl_inr_jax.data.readers.pandas_pickle", "_Placeholder")),
    )
    yield "os.system", _pickled(classic_table(columns(lotName=[shell] * 5)))
    yield f"{__name__}.reveal", pickle.dumps(Reveal())


def _pickled(value):
    return b"\x80\x02" + opcodes(value) + b"."


@pytest.mark.parametrize(("name", "content"), list(harmful()))
def test_other_names_are_refused_and_no_code_is_executed(path, monkeypatch, name, content):
    for where in ("os.system", "posix.system", "builtins.eval"):
        monkeypatch.setattr(where, reveal)
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_lswmd(path)
    monkeypatch.undo()
    assert f"found '{name}'" in str(caught.value) and "no code of it was executed" in str(caught.value)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and RAN == []


def test_pickle_cannot_change_the_placeholders(path):
    """A state of (None, {name: value}) sets attributes, also of a class."""
    dtype = Name("numpy", "dtype")
    for state in ((None, {"__new__": dtype, "__setstate__": dtype}), {"__new__": dtype}):
        path.write_bytes(b"\x80\x02" + opcodes(dtype) + opcodes(state) + b"b.")
        with pytest.raises(InputError, match="expected a complete pickle of a table"):
            read_lswmd(path)
    check_wafers(read_lswmd(write(path, classic_table(columns()))))


def test_truncated_and_other_files_are_errors(path):
    whole = write(path, classic_table(columns())).read_bytes()
    for content in (
        b"",
        whole[:-1],
        whole[: len(whole) // 2],
        whole[:1],
        b"PK\x03\x04 a zip",
        b"a,b\n1,2\n",
        b"\x80\x02.",
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected a complete pickle of a table, found another or a trunc"):
            read_lswmd(path)
    with pytest.raises(InputError, match="FileNotFoundError"):
        read_lswmd(path.with_name("none.pkl"))


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_raises_at_most_an_input_error(path, seed):
    whole = bytearray(write(path, classic_table(columns())).read_bytes())
    rng = np.random.default_rng(seed)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(2, len(whole), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_lswmd(path)
        except InputError as error:
            assert str(error).startswith(f"config.data.root ({path}): expected") and "\n" not in str(error)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": 1}, "found the table in another layout"),
        ([1, 2], "found the table in another layout"),
        (Call(Name("pandas", "DataFrame"), (), {"_typ": "x"}, new=True), "found the table in another layout"),
        (classic_array(np.zeros(3)), "found the table in another layout"),
        (
            classic_table({"waferMap": columns()["waferMap"], "dieSize": np.zeros(5)}),
            "found waferMap, dieSize|dieSize, w",
        ),
        (classic_table(columns(failureType=[nested(None)] * 5)), "expected labelled maps, found none in 5 rows"),
        (classic_table(columns(waferMap=["x"] * 5)), "found waferMap in another layout"),
        (classic_table(columns(waferMap=[classic_array(np.zeros(3))] * 5)), r"float64 of shape \(3,\) as a map"),
        (classic_table(columns(waferMap=[classic_array(MAPS[0] + 1)] * 5)), "maps of 0, 1 and 2, found other values"),
        (classic_table(columns(waferMap=[classic_array(MAPS[0] - 0.5)] * 5)), "maps of 0, 1 and 2, found other values"),
        (classic_table(columns(waferMap=[classic_array(MAPS[0].astype("M8[s]"))] * 5)), "type 'M8"),
    ],
)
def test_other_tables_are_errors(path, table, message):
    with pytest.raises(InputError, match=message) as caught:
        read_lswmd(write(path, table))
    assert str(caught.value).startswith(f"config.data.root ({path}): expected") and "\n" not in str(caught.value)


def test_bytes_are_never_used_as_pointers(path):
    """NumPy itself would use them if the state of a numeric array were set on an object array."""
    dtype = Call(Name("numpy", "dtype"), (b"O8", 0, 1), (3, b"|", None, None, None, -1, -1, 0))
    empty = Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("numpy", "ndarray"), (0,), b"b"))
    for shape in ((1, 1), (2, 4)):
        forged = dataclasses.replace(empty, state=(1, shape, dtype, False, b"\x41" * 8))
        with pytest.raises(InputError, match="found waferMap in another layout"):
            read_lswmd(write(path, classic_table(columns(waferMap=[forged] * 5))))


def test_array_that_contains_itself_is_an_error(path):
    state = opcodes(object_array([None]).state).replace(b"](Ne", b"](h\x07e")
    itself = opcodes(dataclasses.replace(object_array([None]), state=None)) + b"q\x07" + state + b"b"
    table = opcodes(classic_table(columns(failureType=["here"] * 5)))
    path.write_bytes(b"\x80\x02" + table.replace(opcodes("here"), itself) + b".")
    with pytest.raises(InputError, match=r"found failureType in another layout \(RecursionError"):
        read_lswmd(path)
