"""LSWMD.pkl in the layouts of old and new pandas, written opcode by opcode, and malicious or damaged pickles."""

import dataclasses
import pickle
import struct

import numpy as np
import pytest

from irl_inr_jax.data.datasets.lswmd import read_lswmd
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
MAPS = [RNG.integers(0, 3, (4 + row, 9 - row)).astype(np.uint8) for row in range(5)]
LABELS = ["none", "Center", None, "Edge-Loc", "none"]
SPLIT = ["Training", "Test", None, "Test", "Training"]
LOTS = ["lot1", "lot1", "lot2", "lot2", "lot47542"]
KEPT = [0, 1, 3, 4]


@dataclasses.dataclass(frozen=True)
class Name:
    module: str
    name: str


@dataclasses.dataclass(frozen=True)
class Call:
    """A call callee(*args), or with `new` callee.__new__(callee, *args), followed by setting a state."""

    callee: Name
    args: tuple = ()
    state: object = None
    new: bool = False


def opcodes(value) -> bytes:
    """Return `value` as pickled by Python 2 with protocol 2; bytes become its str, str its unicode."""
    match value:
        case None | bool():
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            return b"J" + struct.pack("<i", value)
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<i", len(value.encode())) + value.encode()
        case bytes():
            return b"T" + struct.pack("<i", len(value)) + value
        case tuple():
            return b"(" + b"".join(map(opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(opcodes, value)) + b"e"
        case dict():
            return b"}(" + b"".join(opcodes(part) for item in value.items() for part in item) + b"u"
        case Name(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(callee, args, state, new):
            built = b"" if state is None else opcodes(state) + b"b"
            return opcodes(callee) + opcodes(args) + (b"\x81" if new else b"R") + built
    raise TypeError(type(value))


def write(path, value):
    path.write_bytes(b"\x80\x02" + opcodes(value) + b".")
    return path


def classic_array(values: np.ndarray, cells=None, core="numpy.core.multiarray") -> Call:
    """Return an array as pickled by NumPy; `cells` are the elements of an object array in C order."""
    kind, order = ("O8", b"|") if cells is not None else (values.dtype.str[1:], values.dtype.str[:1].encode())
    dtype = Call(Name("numpy", "dtype"), (kind.encode(), 0, 1), (3, order, None, None, None, -1, -1, 0))
    fortran = cells is None and values.flags.f_contiguous and not values.flags.c_contiguous
    data = cells if cells is not None else values.tobytes("A")
    empty = Call(Name(core, "_reconstruct"), (Name("numpy", "ndarray"), (0,), b"b"))
    return dataclasses.replace(empty, state=(1, values.shape, dtype, fortran, data))


def object_array(cells, shape=None) -> Call:
    return classic_array(np.empty(shape or len(cells), object), list(cells))


def nested(text) -> Call:
    """Return [['Center']] as a unicode array, or an empty array for no label."""
    return classic_array(np.zeros((0, 0)) if text is None else np.array([[text]]))


def columns(**changed):
    return {
        "waferMap": [classic_array(wafer) for wafer in MAPS],
        "dieSize": np.arange(5.0),
        "lotName": [lot.encode() for lot in LOTS],
        "waferIndex": np.arange(1.0, 6.0),
        "trianTestLabel": [nested(part) for part in SPLIT],
        "failureType": [nested(label) for label in LABELS],
    } | changed


def classic_table(cells, placement=lambda places: classic_array(np.array(places))) -> Call:
    """Return a table as pickled by pandas 0.19: axes, one block of numbers and one block of objects."""
    names = list(cells)
    blocks = []
    for is_numeric in (True, False):
        places = [place for place, name in enumerate(names) if isinstance(cells[name], np.ndarray) == is_numeric]
        chosen = [cells[names[place]] for place in places]
        flat = [cell for column in chosen for cell in column]
        values = classic_array(np.array(chosen)) if is_numeric else object_array(flat, (len(chosen), 5))
        blocks.append({"values": values, "mgr_locs": placement(places)})

    def index(values):
        where = "pandas.indexes.base"
        return Call(Name(where, "_new_Index"), (Name(where, "Index"), {"data": values, "name": None}))

    labels = [index(object_array([name.encode() for name in names])), index(classic_array(np.arange(5)))]
    state = (labels, [], [], {"0.14.1": {"axes": labels, "blocks": blocks}})
    manager = Call(Name("pandas.core.internals", "BlockManager"), (), state, new=True)
    table = Call(
        Name("copy_reg", "_reconstructor"),
        (Name("pandas.core.frame", "DataFrame"), Name("__builtin__", "object"), None),
        {"_metadata": [], "_typ": "dataframe", "_data": manager},
    )
    return table


def check(wafers, rows=KEPT):
    np.testing.assert_array_equal(wafers.flat, np.concatenate([MAPS[row].ravel() for row in rows]))
    np.testing.assert_array_equal(wafers.shape, [MAPS[row].shape for row in rows])
    assert wafers.flat.dtype == np.uint8 and wafers.shape.dtype == np.int16
    assert list(wafers.rows) == rows
    assert list(wafers.labels) == ["None" if LABELS[row] == "none" else LABELS[row] for row in rows]
    assert list(wafers.columns["lotName"]) == [LOTS[row] for row in rows]
    assert list(wafers.columns["trianTestLabel"]) == [SPLIT[row] for row in rows]
    np.testing.assert_array_equal(wafers.columns["waferIndex"], [row + 1 for row in rows])
    np.testing.assert_array_equal(wafers.columns["dieSize"], rows)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "LSWMD.pkl"


def test_published_layout(path):
    check(read_lswmd(write(path, classic_table(columns()))))


def test_block_placement_by_slice(path):
    def placement(places):
        if places != [1, 3]:
            return classic_array(np.array(places))
        return Call(Name("__builtin__", "slice"), (1, 5, 2))

    check(read_lswmd(write(path, classic_table(columns(), placement))))


def test_maps_in_fortran_order_and_of_other_types(path):
    maps = [
        classic_array(np.asfortranarray(MAPS[0])),
        classic_array(MAPS[1].astype(">i4")),
        classic_array(MAPS[2]),
        classic_array(MAPS[3].astype(np.float64)),
        classic_array(MAPS[4], core="numpy._core.multiarray"),
    ]
    check(read_lswmd(write(path, classic_table(columns(waferMap=maps)))))


def test_labels_as_plain_strings_and_nested_arrays(path):
    labels = ["none", b"Center", float("nan"), object_array([nested("Edge-Loc")]), nested(" none ")]
    check(read_lswmd(write(path, classic_table(columns(failureType=labels)))))


def test_missing_columns_are_omitted(path):
    cells = {name: cells for name, cells in columns().items() if name not in ("trianTestLabel", "dieSize")}
    assert sorted(read_lswmd(write(path, classic_table(cells))).columns) == ["lotName", "waferIndex"]


def test_manager_of_pandas_1_3_and_later_with_arrow_strings(path):
    """The manager's arguments are blocks and axes; a string column is stored as concatenated text."""
    cells = columns()
    unpickle_block = Name("pandas._libs.internals", "_unpickle_block")

    def pick(*places):
        return Call(Name("pandas._libs.internals", "BlockPlacement"), (classic_array(np.array(places)),))

    def buffer(data):
        encoded = Call(Name("_codecs", "encode"), (data.decode("latin1"), "latin1"))
        return Call(Name("pyarrow.lib", "py_buffer"), (encoded,))

    def arrow(texts):
        ends = np.cumsum([0, *map(len, texts)])
        kind = Call(Name("pyarrow.lib", "type_for_alias"), ("large_string",))
        valid = buffer(np.packbits([True] * len(texts), bitorder="little").tobytes())
        parts = [valid, buffer(ends.astype(np.int64).tobytes()), buffer("".join(texts).encode())]
        array = Call(Name("pyarrow.lib", "_restore_array"), ((kind, len(texts), 0, 0, parts, [], None),))
        return Call(Name("pandas.arrays", "ArrowStringArray"), (), {"_pa_array": array}, new=True)

    objects = [cell for name in ("waferMap", "trianTestLabel", "failureType") for cell in cells[name]]
    numbers = np.array([cells["dieSize"], cells["waferIndex"]])
    blocks = (
        Call(unpickle_block, (object_array(objects, (3, 5)), pick(0, 4, 5), 2)),
        Call(unpickle_block, (classic_array(numbers), Call(Name("builtins", "slice"), (1, 4, 2)), 2)),
        Call(unpickle_block, (arrow(LOTS), pick(2), 1)),
    )
    index = Call(
        Name("pandas.core.indexes.base", "_new_Index"), (Name("pandas", "Index"), {"data": arrow(list(cells))})
    )
    manager = Call(Name("pandas.core.internals.managers", "BlockManager"), (blocks, [index, None]))
    check(read_lswmd(write(path, Call(Name("pandas", "DataFrame"), (), {"_mgr": manager}, new=True))))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("storage", ["object", "string[python]", "string[pyarrow]", "str"])
def test_installed_pandas(path, protocol, storage):
    pandas = pytest.importorskip("pandas")

    def box(text):
        return np.zeros((0, 0)) if text is None else np.array([[text]], dtype=object)

    table = pandas.DataFrame(
        {
            "waferMap": MAPS,
            "dieSize": np.arange(5.0),
            "lotName": LOTS,
            "waferIndex": np.arange(1.0, 6.0),
            "trianTestLabel": [box(part) for part in SPLIT],
            "failureType": [box(label) for label in LABELS],
        }
    )
    try:
        table["lotName"] = table["lotName"].astype(storage)
    except ImportError:
        pytest.skip(f"{storage} is not available")
    table.to_pickle(path, protocol=protocol)
    check(read_lswmd(path))


RAN = []


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
    check(read_lswmd(write(path, classic_table(columns()))))


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
