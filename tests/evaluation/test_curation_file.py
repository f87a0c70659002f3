"""Corrections from the JSON of report.html and from tables: what they mean, and what is refused."""

import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from irl_inr_jax.evaluation.curation import (
    KeepImages,
    MarkJunk,
    Merge,
    Move,
    Rename,
    apply_operations,
    digest_clusters,
    is_change,
    name_or_number,
    start_curation,
)
from irl_inr_jax.evaluation.curation_file import read_corrections
from irl_inr_jax.evaluation.curation_versions import operation_to_json
from irl_inr_jax.types import InputError

CLUSTERS = np.array([0, 0, 1, 1, 2, -1, 2, 0], np.int32)
IDS = np.array([f"lot,{number}" for number in range(len(CLUSTERS))])
DATA = {"name": "images", "split": "train", "sha256": "abc"}
EDITS = [
    Rename(0, "=ring"),
    Merge(1, 2),
    Move(("lot,0", "lot,5"), 3),
    Rename(3, "scratch"),
    MarkJunk(("lot,7",)),
    Rename(2, 'a "b", c'),
]


@pytest.fixture
def start():
    return start_curation(IDS, CLUSTERS, np.linspace(1, 0.3, len(IDS)))


@pytest.fixture
def write(tmp_path):
    """write('a.csv', text): the path of the file."""

    def make(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return make


def page_file(state, edits, **changes):
    """The JSON that a page of this clustering downloads."""
    content = {"format": "irl-inr curation", "version": 1, "clusterer": "kmeans", "clustering": digest_clusters(state)}
    return json.dumps(content | {"data": DATA, "operations": [operation_to_json(one) for one in edits], **changes})


def page_table(state):
    """The CSV that a page downloads after its edits: RFC 4180, with an apostrophe before signs of formulas."""
    lines = ["id,cluster,name,junk"]
    for name, number, junk in zip(state.ids, state.home, state.junk, strict=True):
        shown = name_or_number(int(number), state.names)
        shown = f"'{shown}" if shown[0] in "=+-@" else shown
        name = f"'{name}" if name[0] in "=+-@" else name
        lines.append(f'"{name}",{number},"{shown.replace(chr(34), 2 * chr(34))}",{int(junk)}')
    return "\r\n".join(lines) + "\r\n"


def read(path, *states, applied=(), raw=False):
    return read_corrections(path, states, applied, clusterer="kmeans", data=DATA, raw=raw)


def test_the_json_and_the_table_of_the_same_edits_give_the_same_clustering(start, write):
    expected = apply_operations(start, EDITS)
    from_json = apply_operations(start, read(write("a.json", page_file(start, EDITS)), start))
    from_table = apply_operations(start, read(write("a.csv", page_table(expected)), start))
    assert not is_change(expected, from_json)
    assert digest_clusters(from_table) == digest_clusters(expected) and from_table.names == expected.names


def test_in_raw_tables_and_in_parquet_an_apostrophe_is_part_of_the_text(write):
    ids = np.array(["=a", "'=a", "b"])
    start = start_curation(ids, np.zeros(3, np.int32), np.ones(3))
    text = "id,name\n'=a,=x\nb,'=x\n"
    for path, raw in ((write("a.csv", text), True), (write("a.parquet", ""), False)):
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(pyarrow.table({"id": ["'=a", "b"], "name": ["=x", "'=x"]}), path)
        state = apply_operations(start, read(path, start, raw=raw))
        assert [state.names.get(number) for number in state.home.tolist()] == [None, "=x", "'=x"]
    protected = apply_operations(start, read(write("b.csv", text), start))
    assert [protected.names.get(number) for number in protected.home.tolist()] == ["=x", None, "=x"]
    later = write("c.csv", "id,name\n'=c,x\n")  # an id of a table that is not raw
    only = start_curation(np.array(["=c"]), np.zeros(1, np.int32), np.ones(1))
    assert apply_operations(only, read(later, only, raw=True)).names == {1: "x"}


def test_files_that_are_applied_already_change_nothing(start, write):
    state = apply_operations(start, EDITS)
    assert read(write("a.csv", page_table(state)), state) == ()
    assert read(write("a.json", page_file(start, EDITS)), start, state, applied=[EDITS]) == ()


def test_a_page_that_goes_on_after_its_download_adds_the_further_edits(start, write):
    state, more = apply_operations(start, EDITS), [KeepImages(("lot,7",)), Rename(2, "edge")]
    path = write("a.json", page_file(start, EDITS + more))
    assert read(path, start, state, applied=[EDITS]) == tuple(more)
    assert read(write("b.json", page_file(state, more)), start, state, applied=[EDITS]) == tuple(more)


def test_a_table_of_some_images_corrects_and_confirms_them(start, write):
    text = 'junk,name,id,remark\n,ring,"lot,2",x\n,cluster 2,"lot,4",\n1,,"lot,6",\n,none,"lot,7",\n,,"lot,0",\n'
    state = apply_operations(start, read(write("a.csv", text), start))
    assert state.clusters.tolist() == [0, 0, 3, 1, 2, -1, -1, -1] and state.names == {3: "ring"}
    assert state.corrected.nonzero()[0].tolist() == [2, 4, 7]


def test_the_order_of_the_rows_does_not_matter(start, write):
    rows = ['"lot,0",,b,', '"lot,1",,a,', '"lot,2",3,,', '"lot,3",,cluster 0,1', ",2,two,"]
    found = [
        read(write(f"{number}.csv", "\n".join(["id,cluster,name,junk", *order])), start)
        for number, order in enumerate((rows, rows[::-1]))
    ]
    assert found[0] == found[1]
    state = apply_operations(start, found[0])
    assert state.names == {2: "two", 4: "a", 5: "b"} and state.home[2] == 3


def test_names_name_clusters_and_known_names_are_targets(start, write):
    named = apply_operations(start, read(write("a.csv", "id,cluster,name\n,0,ring\n,1,edge\n"), start))
    assert named.names == {0: "ring", 1: "edge"} and not named.corrected.any()
    moved = apply_operations(named, read(write("b.csv", 'id,name\n"lot,4",edge\n'), named))
    assert moved.home[4] == 1 and moved.names == named.names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,cluster\nx,1\n", "found name, cluster; rename"),
        ("id,label\nx,1\n", "at least one of cluster, name, junk.*found id, label"),
        ("id:name\nx:1\n", "found id:name"),
        ("", "found an empty file"),
        ('id,cluster\n"lot,9",1\n', "'lot,9'.*another run"),
        ('id,cluster\n"lot,1",7\n', "from 0 to 2, or 3 for a new one, found 7"),
        ('id,cluster\n"lot,1",ring\n', "found 'ring' in row 2; put names"),
        ('id,cluster\n"lot,1",1\n"lot,1",2\n', "rows 2 and 3 with different clusters"),
        ('id,name,junk\n"lot,1",,1\n"lot,1",,0\n', "different junk"),
        ('id,cluster,name\n"lot,1",1,a\n"lot,2",1,b\n', "'a' in row 2 and 'b' in row 3"),
        ('id,cluster,name\n"lot,1",1,a\n"lot,2",2,a\n', "clusters 1 and 2; merge"),
        ('id,junk\n"lot,1",perhaps\n', "found 'perhaps' in row 2"),
        ("id,cluster,name\n,1,\n", "row 2 .* found neither"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused_in_one_line(start, write, text, words):
    with pytest.raises(InputError, match=words) as error:
        read(write("a.csv", text), start)
    assert "\n" not in str(error.value) and "expected" in str(error.value)


def test_a_table_of_another_clustering_of_the_same_images_is_refused(start, write):
    other = start_curation(IDS, np.array([1, 1, 2, 2, 0, -1, 0, 1], np.int32), start.confidence)
    with pytest.raises(InputError, match="another run or clusterer"):
        read(write("a.csv", page_table(other)), start)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clusterer": "gmm"}, "found those of gmm; use --clusterer gmm"),
        ({"data": {**DATA, "name": "mnist"}}, "its name is 'mnist'"),
        ({"data": {**DATA, "split": "test"}}, "its split is 'test'"),
        ({"clustering": "0123"}, "those of other clusters or images"),
        ({"clustering": None, "data": {**DATA, "sha256": "x"}}, "those of other clusters or images"),
        ({"format": "something"}, "download them again"),
        ({"version": 2}, "version 2"),
        ({"operations": [{"kind": "paint"}]}, "kind 'paint'"),
        ({"operations": [{"kind": "assign", "ids": [], "clusters": [], "confidence": [], "by": ""}]}, "'assign'"),
    ],
)
def test_edits_of_something_else_are_refused_in_one_line(start, write, changes, words):
    with pytest.raises(InputError, match=words) as error:
        read(write("a.json", page_file(start, EDITS, **changes)), start)
    assert "\n" not in str(error.value)


def test_edits_of_an_earlier_version_are_refused(start, write):
    states = [start, apply_operations(start, EDITS[:1])]
    with pytest.raises(InputError, match=r"version 1 in .* edits of version 0"):
        read(write("a.json", page_file(start, EDITS[1:])), *states, applied=[EDITS[:1]])
    with pytest.raises(InputError, match="found no"):
        read(write("a.json", "").with_name("missing.csv"), start)
    with pytest.raises(InputError, match=r"\.json, \.csv"):
        read(write("a.txt", "id"), start)
