"""The settings that a value depends on, and their checksum."""

import dataclasses

import pytest

from irl_inr_jax.config.storage import ADDED_KEYS
from papers.measured_settings import IGNORED_KEYS, checksum_settings, present_settings, select_settings, stored_settings
from papers.runner import Workspace, run_folder
from papers.systems import SCALES, resolve_settings
from tests.papers.cells import CELLS, simplify
from tests.papers.invented_table import KMEANS, OURS, SCAN, SHIFT, write_seeds

SETTINGS = resolve_settings(OURS, "quick")


def checksum(measure, changes=None):
    return checksum_settings(select_settings(SETTINGS | (changes or {}), measure), measure)


def other_value(value):
    return {bool: not value, int: 17, float: 0.125, str: "another", tuple: (17,)}[type(value)]


@pytest.mark.parametrize("measure", [KMEANS, SCAN, SHIFT], ids=["k-means", "SCAN", "shift"])
def test_the_checksum_depends_on_every_setting_but_those_that_a_value_does_not_depend_on(measure):
    """Also on those with their default values."""
    read = ("scan",) if measure is SCAN else ()
    for key, value in SETTINGS.items():
        block, *names = key.split(".")
        is_of_another = block == "clustering" and len(names) == 2 and names[0] not in read
        expected = not (key in IGNORED_KEYS or block == "speed" or is_of_another)
        assert (checksum(measure, {key: other_value(value)}) != checksum(measure)) == expected, key


def test_a_key_that_is_added_leaves_the_checksum_as_it_is():
    value = ADDED_KEYS["orbits.distance"]
    assert SETTINGS["orbits.distance"] == value
    before = {key: value for key, value in SETTINGS.items() if key != "orbits.distance"}
    assert checksum_settings(select_settings(before, KMEANS), KMEANS) == checksum(KMEANS)


def test_the_checksum_depends_on_what_is_measured():
    others = [
        dataclasses.replace(KMEANS, path=("clustering", "kmeans", "nmi")),
        dataclasses.replace(KMEANS, transductive=False),
        SHIFT,
    ]
    assert len({checksum(measure) for measure in (KMEANS, *others)}) == 4


def test_settings_of_a_clusterer_are_found_by_the_start_of_its_name():
    measure = dataclasses.replace(KMEANS, clusterer="umap_kmeans")
    names = {key for key in select_settings(SETTINGS, measure) if key.startswith("clustering.")}
    assert {"clustering.umap.num_dims", "clustering.sizes"} <= names and "clustering.dec.alpha" not in names


def test_stored_settings_are_those_of_the_run_and_of_its_evaluation(tmp_path):
    workspace = Workspace(write_seeds(tmp_path, [3]), "", "quick")
    run, results = run_folder(workspace, OURS, 3) / "run", {"options": {"set": ["clustering.scan.num_epochs=77"]}}
    assert stored_settings(run, results, KMEANS) == select_settings(SETTINGS, KMEANS)
    assert stored_settings(run, results, SCAN) == select_settings(SETTINGS, SCAN) | {"clustering.scan.num_epochs": 77}


@pytest.mark.parametrize("scale", SCALES)
def test_cells_of_one_run_and_measure_have_one_checksum_and_others_another(scale):
    checksums = {}
    for cell in (simplify(cell, scale) for cell in CELLS):
        found = checksum_settings(present_settings(cell, scale), cell.measure)
        assert checksums.setdefault(found, (cell.training, cell.measure)) == (cell.training, cell.measure)
