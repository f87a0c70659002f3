"""LSWMD.pkl in the layouts of old and new pandas."""

import numpy as np
import pytest

from irl_inr_jax.data.datasets.lswmd import read_lswmd
from tests.data.datasets.lswmd_files import (
    LABELS,
    LOTS,
    MAPS,
    SPLIT,
    Call,
    Name,
    check_wafers,
    classic_array,
    classic_table,
    columns,
    nested,
    object_array,
    write,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "LSWMD.pkl"


def test_published_layout(path):
    check_wafers(read_lswmd(write(path, classic_table(columns()))))


def test_block_placement_by_slice(path):
    def placement(places):
        if places != [1, 3]:
            return classic_array(np.array(places))
        return Call(Name("__builtin__", "slice"), (1, 5, 2))

    check_wafers(read_lswmd(write(path, classic_table(columns(), placement))))


def test_maps_in_fortran_order_and_of_other_types(path):
    maps = [
        classic_array(np.asfortranarray(MAPS[0])),
        classic_array(MAPS[1].astype(">i4")),
        classic_array(MAPS[2]),
        classic_array(MAPS[3].astype(np.float64)),
        classic_array(MAPS[4], core="numpy._core.multiarray"),
    ]
    check_wafers(read_lswmd(write(path, classic_table(columns(waferMap=maps)))))


def test_labels_as_plain_strings_and_nested_arrays(path):
    labels = ["none", b"Center", float("nan"), object_array([nested("Edge-Loc")]), nested(" none ")]
    check_wafers(read_lswmd(write(path, classic_table(columns(failureType=labels)))))


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
    check_wafers(read_lswmd(write(path, Call(Name("pandas", "DataFrame"), (), {"_mgr": manager}, new=True))))


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
    check_wafers(read_lswmd(path))
