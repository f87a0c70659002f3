"""LSWMD.pkl in the layout of old pandas, written opcode by opcode."""

import dataclasses
import struct

import numpy as np

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


def check_wafers(wafers, rows=KEPT):
    np.testing.assert_array_equal(wafers.flat, np.concatenate([MAPS[row].ravel() for row in rows]))
    np.testing.assert_array_equal(wafers.shape, [MAPS[row].shape for row in rows])
    assert wafers.flat.dtype == np.uint8 and wafers.shape.dtype == np.int16
    assert list(wafers.rows) == rows
    assert list(wafers.labels) == ["None" if LABELS[row] == "none" else LABELS[row] for row in rows]
    assert list(wafers.columns["lotName"]) == [LOTS[row] for row in rows]
    assert list(wafers.columns["trianTestLabel"]) == [SPLIT[row] for row in rows]
    np.testing.assert_array_equal(wafers.columns["waferIndex"], [row + 1 for row in rows])
    np.testing.assert_array_equal(wafers.columns["dieSize"], rows)
