"""Corrections in a file, and what becomes of them when a run is evaluated again."""

import json

import numpy as np
import pytest

from irl_inr_jax.evaluation.curation import AssignImages, KeepImages, MarkJunk, Merge, Move, Rename
from irl_inr_jax.evaluation.curation_versions import (
    FILE_NAME,
    Curation,
    CurationVersion,
    curate_clusters,
    load_curations,
    operation_from_json,
    operation_to_json,
    rebase,
    save_curations,
)
from irl_inr_jax.types import InputError

CLUSTERS = np.repeat(np.array([0, 1, 2, 3, -1], np.int32), 10)
IDS = np.array([f"{number:02d}" for number in range(50)])
OPERATIONS = (
    Rename(0, "ring"),
    Merge(1, 2),
    Move(("00", "31"), 4),
    Rename(4, "scratch"),
    MarkJunk(("45",)),
    KeepImages(("46",)),
    AssignImages(("02", "47"), (3, 0), (0.5, 0.25), "refine"),
)
CURATION = Curation(IDS, CLUSTERS, (CurationVersion("today", "a.csv", OPERATIONS),))


def curate(curation, ids, clusters):
    return curate_clusters(curation, ids, clusters, np.ones(len(ids)), clusterer="kmeans")


def by_name(state):
    """The names, or the sets of images without one, of the images, as a set for each cluster."""
    groups = {number: frozenset(state.ids[state.clusters == number].tolist()) for number in set(state.clusters)}
    return {(state.names.get(number), members) for number, members in groups.items()}


def test_what_was_saved_is_loaded(tmp_path):
    save_curations(tmp_path, {"kmeans": CURATION, "gmm": CURATION._replace(versions=())})
    found = load_curations(tmp_path)
    assert list(found) == ["kmeans"] and found["kmeans"].versions == CURATION.versions
    assert found["kmeans"].ids.tolist() == IDS.tolist() and found["kmeans"].clusters.tolist() == CLUSTERS.tolist()
    save_curations(tmp_path, {"kmeans": CURATION._replace(versions=())})
    assert list(tmp_path.iterdir()) == [] and load_curations(tmp_path) == {}


def test_operations_are_written_as_the_report_writes_them():
    for operation in OPERATIONS:
        assert operation_from_json(json.loads(json.dumps(operation_to_json(operation)))) == operation
    assert operation_to_json(Merge(1, 2)) == {"kind": "merge", "from": 1, "into": 2}
    for damaged in ({"kind": "paint"}, {"kind": "rename", "cluster": "0", "name": "x"}, {"kind": "move", "into": 1}):
        with pytest.raises(ValueError):
            operation_from_json(damaged)


@pytest.mark.parametrize("content", ["{", "{}", '{"format": "irl-inr curation versions", "version": 9}', "[]"])
def test_a_damaged_file_is_one_input_error(tmp_path, content):
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(InputError, match="restore the file"):
        load_curations(tmp_path)


def test_other_numbers_of_the_same_clusters_give_the_same_groups():
    numbers = np.array([3, 0, 5, 1, -1], np.int32)  # of clusters 0, 1, 2, 3 and noise
    renumbered = numbers[CLUSTERS]
    order = np.random.default_rng(0).permutation(50)
    before, after = curate(CURATION, IDS, CLUSTERS), curate(CURATION, IDS[order], renumbered[order])
    assert by_name(before) == by_name(after) and 3 in after.names and after.names[3] == "ring"
    twice = rebase(rebase(CURATION, IDS, renumbered, clusterer="kmeans"), IDS, CLUSTERS, clusterer="kmeans")
    assert by_name(curate(twice, IDS, CLUSTERS)) == by_name(before)


def test_corrections_survive_new_images_missing_images_and_small_changes():
    clusters = np.append(CLUSTERS, [2, 1]).astype(np.int32)[3:]
    clusters[4] = 3  # image 07 has another cluster now
    ids = np.append(IDS, ["new 1", "new 2"])[3:]
    state = curate(CURATION, ids, clusters)
    found = dict(zip(ids.tolist(), state.clusters.tolist(), strict=True))
    assert found["new 1"] == found["new 2"] == found["25"] == 2 and found["07"] == 3
    assert state.names[found["31"]] == "scratch" and state.names[0] == "ring"


def test_corrections_of_clusters_that_are_gone_are_refused_in_one_line():
    mixed = (np.arange(50) % 4).astype(np.int32)
    with pytest.raises(InputError, match=r"by kmeans that were corrected.*--restore 0") as error:
        curate(CURATION, IDS, mixed)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no cluster shares more than 0 %"):
        curate(CURATION, np.char.add("test/", IDS), CLUSTERS)


def test_clusters_that_no_correction_names_may_change():
    curation = Curation(IDS, CLUSTERS, (CurationVersion("", "", (Rename(0, "ring"), Move(("45",), 0))),))
    mixed = np.where(CLUSTERS == 0, 7, np.arange(50) % 3).astype(np.int32)
    state = curate(curation, IDS, mixed)
    assert state.names == {7: "ring"} and state.clusters[45] == 7
    np.testing.assert_array_equal(np.delete(state.clusters, 45), np.delete(mixed, 45))


def test_a_cluster_made_by_corrections_never_takes_a_number_of_the_clusterer():
    more = np.concatenate([CLUSTERS[:40], np.repeat([4, 5], 5)]).astype(np.int32)  # noise has become two clusters
    operations = (Move(("00",), 4), Rename(4, "scratch"))
    state = curate(Curation(IDS, CLUSTERS, (CurationVersion("", "", operations),)), IDS, more)
    assert state.clusters[0] == 6 and state.names == {6: "scratch"} and (state.clusters == 4).sum() == 5
