"""Laws of corrections, on clusterings of a few images."""

import numpy as np
import pytest

from irl_inr_jax.evaluation.curation import (
    AssignImages,
    KeepImages,
    MarkJunk,
    Merge,
    Move,
    Rename,
    apply_operations,
    check_operations,
    digest_clusters,
    is_change,
    start_curation,
)
from irl_inr_jax.types import InputError

CLUSTERS = np.array([0, 0, 1, 1, 2, -1, 2, 0], np.int32)
IDS = np.array([f"lot/{number}" for number in range(len(CLUSTERS))])
OPERATIONS = [
    Rename(0, "ring"),
    Merge(1, 2),
    Move(("lot/0", "lot/5"), 3),
    Rename(3, "scratch"),
    MarkJunk(("lot/7", "lot/4")),
    KeepImages(("lot/4",)),
]


@pytest.fixture
def start():
    return start_curation(IDS, CLUSTERS, np.linspace(1, 0.3, len(IDS)))


def partition(state):
    """The clustering as a set of sets of ids."""
    return {frozenset(state.ids[state.home == number].tolist()) for number in set(state.home.tolist())}


def test_operations_change_what_they_name_and_nothing_else(start):
    state = apply_operations(start, OPERATIONS)
    assert state.clusters.tolist() == [3, 0, 2, 2, 2, 3, 2, -1]
    assert state.names == {0: "ring", 3: "scratch"}
    assert state.junk.nonzero()[0].tolist() == [7] and state.corrected.nonzero()[0].tolist() == [0, 5]
    untouched = [1, 2, 3, 4, 6, 7]
    np.testing.assert_array_equal(state.confidence[untouched], start.confidence[untouched])
    assert state.confidence[[0, 5]].tolist() == [1.0, 1.0]
    assert start.home.tolist() == CLUSTERS.tolist() and not start.junk.any()  # the input is not changed


def test_applying_in_two_parts_is_applying_at_once(start):
    for cut in range(len(OPERATIONS) + 1):
        parts = apply_operations(apply_operations(start, OPERATIONS[:cut]), OPERATIONS[cut:])
        assert not is_change(parts, apply_operations(start, OPERATIONS))


def test_renames_commute_and_applying_twice_is_applying_once(start):
    names = [Rename(0, "ring"), Rename(2, "edge"), Rename(1, "spot")]
    once = apply_operations(start, names)
    assert not is_change(once, apply_operations(start, names[::-1]))
    state = apply_operations(start, OPERATIONS)
    assert not is_change(state, apply_operations(state, OPERATIONS))


def test_a_merge_is_undone_by_a_split(start):
    members = tuple(IDS[CLUSTERS == 1].tolist())
    merged = apply_operations(start, [Merge(1, 2)])
    split = apply_operations(merged, [Move(members, merged.next_number)])
    assert partition(merged) != partition(start) and partition(split) == partition(start)


def test_the_order_of_the_images_does_not_matter(start):
    order = np.random.default_rng(0).permutation(len(IDS))
    other = start_curation(IDS[order], CLUSTERS[order], start.confidence[order])
    expected, found = apply_operations(start, OPERATIONS), apply_operations(other, OPERATIONS)
    for before, after in zip(expected[1:5], found[1:5], strict=True):
        np.testing.assert_array_equal(before[order], after)
    assert digest_clusters(expected) == digest_clusters(found) != digest_clusters(start)


def test_new_images_keep_their_cluster_unless_it_is_merged(start):
    ids, clusters = np.append(IDS, ["new/1", "new/0"]), np.append(CLUSTERS, [0, 1]).astype(np.int32)
    found = apply_operations(start_curation(ids, clusters, np.ones(len(ids))), OPERATIONS)
    assert found.clusters[:-2].tolist() == apply_operations(start, OPERATIONS).clusters.tolist()
    assert found.clusters[-2:].tolist() == [0, 2] and not found.corrected[-2:].any()


def test_computed_clusters_leave_corrected_images_and_junk_alone(start):
    state = apply_operations(start, OPERATIONS)
    computed = AssignImages(tuple(IDS.tolist()), (1,) * 8, (0.25,) * 8, "propagate")
    found = apply_operations(state, [computed])
    assert found.clusters.tolist() == [3, 1, 1, 1, 1, 3, 1, -1]
    assert found.confidence.tolist() == [1, 0.25, 0.25, 0.25, 0.25, 1, 0.25, state.confidence[7]]


def test_junk_returns_to_its_cluster(start):
    junk = apply_operations(start, [MarkJunk(("lot/2",)), Merge(1, 0)])
    assert junk.clusters[2] == -1 and apply_operations(junk, [KeepImages(("lot/2",))]).clusters[2] == 0


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([Rename(7, "x")], "0, 1, 2, found 7"),
        ([Merge(-1, 0)], "found -1"),
        ([Merge(0, 1), Merge(0, 2)], "1, 2, found 0"),
        ([Move(("lot/0",), 4)], "or 3 for a new one, found 4"),
        ([Move(("lot/0", "lot/99"), 0)], "'lot/99' \\(1 of 2"),
        ([MarkJunk(("x",))], "another run"),
        ([Rename(0, "a"), Rename(1, "a")], "clusters 0 and 1; merge them"),
        ([Rename(0, "cluster 5")], "a cluster without a name"),
    ],
)
def test_unknown_images_and_clusters_and_ambiguous_names_are_refused(start, operations, words):
    with pytest.raises(InputError, match=words) as error:
        check_operations(start, operations, place="edits.json")
    assert "edits.json" in str(error.value)


def test_two_clusters_may_exchange_their_names(start):
    named = apply_operations(start, [Rename(0, "a"), Rename(1, "b")])
    check_operations(named, [Rename(0, "b"), Rename(1, "a")], place="")
