"""The settings that a value depends on, and their checksum."""

import dataclasses

import pytest

from irl_inr_jax.config.storage import ADDED_KEYS
from papers.measured_settings import checksum_settings, present_settings, select_settings, stored_settings
from papers.runner import Workspace, run_folder
from papers.systems import SCALES, resolve_settings
from tests.papers.cells import CELLS, simplify
from tests.papers.invented_table import KMEANS, OURS, SCAN, SHIFT, write_seeds

SETTINGS = resolve_settings(OURS, "quick")


def checksum(measure, changes=None):
    return checksum_settings(select_settings(SETTINGS | (changes or {}), measure), measure)


def other_value(value):
    return {bool: not value, int: 17, float: 0.125, str: "another", tuple: (17,)}[type(value)]


# One key of each kind.
READ = [
    *("method", "data.num_train", "data.seed", "model.latent_dim", "model.inr.frequency_std", "loss.consistency"),
    *(
        "augment.jitter",
        "orbits.num_angles",
        "views.fill",
        "train.num_epochs",
        "train.batch_size",
        "train.learning_rate",
    ),
    *("train.patience", "evaluation.num_clusters", "evaluation.shift_px", "clustering.vote_neighbours"),
]
NOT_READ = [
    *("seed", "data.root", "data.memory_mb", "speed.remat", "train.log_every", "train.keep_checkpoints"),
    *("evaluation.clusterers", "evaluation.batch_size", "evaluation.raw_csv", "clustering.dec.alpha"),
    *("clustering.iic.num_epochs", "clustering.orbit_selflabel.distortion.shear"),
]


@pytest.mark.parametrize("measure", [KMEANS, SCAN, SHIFT], ids=["k-means", "SCAN", "shift"])
def test_the_checksum_depends_on_the_settings_that_a_value_depends_on(measure):
    """Also on those with their default values."""
    assert set(READ) | set(NOT_READ) <= set(SETTINGS)
    found = {
        key for key, value in SETTINGS.items() if checksum(measure, {key: other_value(value)}) != checksum(measure)
    }
    assert set(READ) <= found and found.isdisjoint(NOT_READ)
    assert ("clustering.scan.num_epochs" in found) == (measure is SCAN)
    # Nearly all of them: the clusterers have half of the keys.
    assert len(found) > 0.9 * len([key for key in SETTINGS if not key.startswith("clustering.")])


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


@pytest.mark.parametrize(
    "scale", [pytest.param(scale, marks=() if scale == "quick" else pytest.mark.slow) for scale in SCALES]
)
def test_cells_of_one_run_and_measure_have_one_checksum_and_others_another(scale):
    checksums = {}
    for cell in (simplify(cell, scale) for cell in CELLS):
        found = checksum_settings(present_settings(cell.training, cell.measure, scale), cell.measure)
        assert checksums.setdefault(found, (cell.training, cell.measure)) == (cell.training, cell.measure)
