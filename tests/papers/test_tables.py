"""The tables as data: published values, the runs that reproduce them, and the settings of the two scales."""

import dataclasses
import re
import sys

import pytest
from absl import flags
from ml_collections import config_flags

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import AFTER_TRAINING, flatten
from papers import runner
from papers.systems import (
    QUICK_CLUSTERING,
    SCALES,
    evaluation_settings,
    resolve_config,
    resolve_settings,
)
from papers.tables import TABLES
from tests.papers.cells import CELLS, find_cell, runs_at, simplify

quick_and_slowly_paper = pytest.mark.parametrize(  # the curves are at the other scale: test_curves.py
    "scale", ["quick", pytest.param("paper", marks=pytest.mark.slow)]
)
# Copied by hand from the papers: row -> printed values, column by column.
PUBLISHED = {
    "thesis4.1": {
        "k-means on pixels": ("26.7", "25.64", "44.1"),
        "DEC on pixels": ("28.6", "26.1", "36.3"),
        "Spatial-VAE, k-means": ("56.4", "41.2", "27.4"),
        "Autoencoder baseline, k-means": ("53.9", "46.8", "49.8"),
        "Thesis, k-means": ("79.3", "49.3", "55.5"),
        "Thesis + DEC": ("81.1", "50.2", "56.1"),
    },
    "table1": {
        "Spatial-VAE": ("0.982, 0.983", "0.005"),
        "TARGET-VAE P4": ("0.975, 0.976", "0.80"),
        "TARGET-VAE P8": ("0.972, 0.971", "0.859"),
        "TARGET-VAE P16": ("0.974, 0.971", "0.93"),
        "IRL-INR": ("0.999, 0.999", "0.9891"),
    },
    "table2": {
        "Spatial-VAE, k-means": ("31.87 ± 3.72", "27.4 ± 1.16"),
        "Spatial-VAE, agglomerative": ("35.62 ± 2.08", "28.73 ± 1.39"),
        "TARGET-VAE, k-means": ("64.63 ± 4.4", "39.6 ± 1.29"),
        "TARGET-VAE, agglomerative": ("68.8 ± 4.39", "40.11 ± 2.7"),
        "IRL-INR, k-means": ("59.6 ± 1.12", "55.06 ± 1.83"),
        "IRL-INR, agglomerative": ("71.53 ± 1.01", "56.74 ± 1.15"),
    },
    "table3": {
        "TARGET-VAE + SCAN": ("63.09 ± 1.7", "43.39 ± 4.55"),
        "SimCLR + SCAN": ("85.4 ± 1.46", "57.1 ± 2.81"),
        "IRL-INR + SCAN": ("90.4 ± 1.74", "64.6 ± 1.01"),
    },
    "table4": {
        "IRL-INR + SCAN, d = 32": ("84.18 ± 2.11", "53.78 ± 3.41"),
        "IRL-INR + SCAN, d = 64": ("86 ± 1.78", "55.4 ± 1.35"),
        "IRL-INR + SCAN, d = 128": ("85.8 ± 1.46", "56.2 ± 1.16"),
        "IRL-INR + SCAN, d = 256": ("87 ± 0.89", "58.6 ± 1.62"),
        "IRL-INR + SCAN, d = 512": ("90.4 ± 1.74", "64.6 ± 1.01"),
    },
    "table6": {
        "SimCLR R, SCAN R": ("41.38 ± 2.07",),
        "SimCLR R+T, SCAN R+T": ("45.19 ± 3.62",),
        "SimCLR S1, SCAN S1+S2": ("52.8 ± 3.86",),
        "SimCLR S1+R, SCAN S1+S2+R": ("83.66 ± 1.71",),
        "SimCLR S1+R+T, SCAN S1+S2+R+T": ("85.4 ± 1.46",),
    },
    "table7": {
        "IRL-INR, SCAN R": ("86.42 ± 1.06",),
        "IRL-INR, SCAN R+T": ("87.11 ± 1.24",),
        "IRL-INR, SCAN S1+S2": ("85.3 ± 1.88",),
        "IRL-INR, SCAN S1+S2+R": ("89.71 ± 2.93",),
        "IRL-INR, SCAN S1+S2+R+T": ("90.4 ± 1.74",),
    },
    "table8": {
        "SimCLR + SCAN": ("85.4 ± 1.46", "93.8 ± 0.74"),
        "IRL-INR + SCAN": ("90.4 ± 1.74", "97.6 ± 0.48"),
    },
    "ablations": {},
}
# The method and the clusterer that the words of a row's name imply; the first match counts.
METHOD_OF = {
    "orbit-knn": "orbit_knn",
    "k-means on pixels": "orbit_knn",
    "true centre of mass": "orbit_knn",
    "DEC on pixels": "autoencoder",
    "autoencoder": "autoencoder",
    "MLP generator": "mlp_generator",
    "Spatial-VAE": "spatial_vae",
    "TARGET-VAE": "target_vae",
    "SimCLR": "simclr",
    "Thesis": "thesis",
    "IRL-INR": "irl_inr",
    "our recipe": "irl_inr",
    "without ": "irl_inr",
}
CLUSTERER_OF = {
    "DEC": "dec",
    "on pixels": "pixels_kmeans",
    "orbit-knn": "orbit_knn",
    "SCAN": "scan",
    "agglomerative": "agglomerative",
    "k-means": "kmeans",
}


def test_published_values_are_as_printed():
    found = {
        name: {
            row: values
            for row in table.rows
            if (values := tuple(cell.published for cell in table.cells if cell.row == row and cell.published))
        }
        for name, table in TABLES.items()
    }
    assert found == PUBLISHED


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_one_cell_per_position_and_a_training_free_row(name):
    table = TABLES[name]
    places = [(cell.row, cell.column) for cell in table.cells]
    assert len(set(places)) == len(places) and table.name == name
    assert any(cell.row.startswith("orbit-knn") and cell.training.system == "orbit_knn" for cell in table.cells)
    for cell in table.cells:
        if cell.measure.path[0] == "clustering":
            words, clusterer = f"{cell.row}, {cell.column}", cell.measure.path[1]
            assert clusterer == next(name for word, name in CLUSTERER_OF.items() if word in words), words
            assert cell.measure.clusterer == ("" if clusterer == "pixels_kmeans" else clusterer)


@quick_and_slowly_paper
def test_every_configuration_is_valid_and_equals_that_of_the_flags_of_train(scale, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(runner, "call_script", lambda script, arguments, **_: calls.append(arguments) or 0.0)
    for run in runs_at(scale):
        check_config(resolve_config(run, scale))
        runner.train_run(runner.Workspace(tmp_path, "/data of mine", scale), run, 3)
        known = flags.FlagValues()
        holder = config_flags.DEFINE_config_file("config", flag_values=known)
        flags.DEFINE_string("workdir", None, "", flag_values=known)
        # ml_collections reads the overrides of a configuration from there.
        monkeypatch.setattr(sys, "argv", ["train.py", *calls[-1]])
        known(sys.argv)
        assert flatten(holder.value) == resolve_settings(run, scale) | {"seed": 3, "data.root": "/data of mine"}, (
            run.name
        )
        assert known.workdir == str(tmp_path / scale / f"{run.name}-seed3" / "run")


@quick_and_slowly_paper
def test_the_settings_of_every_measure_are_valid_and_as_requested(scale):
    cases = {(simplify(cell, scale), cell.measure.settings) for cell in CELLS}
    for spec, measured, requested in {(cell.training, cell.measure.settings, settings) for cell, settings in cases}:
        config = resolve_config(spec, scale).unlock()
        settings = evaluation_settings(measured, scale)
        override_config(config, [f"{key}={value}" for key, value in settings], blocks=AFTER_TRAINING)
        check_config(config)
        assert dict(requested).items() <= flatten(config).items()
        if scale == "quick":
            assert dict(QUICK_CLUSTERING).items() <= flatten(config).items()


@pytest.mark.parametrize("scale", SCALES)
def test_a_row_is_the_system_of_its_name(scale):
    for cell in CELLS:
        method = next(method for words, method in METHOD_OF.items() if words.lower() in cell.row.lower())
        config = resolve_settings(cell.training, scale)
        assert config["method"] == method, cell.row
        is_canonical = "our recipe" in cell.row.lower() or method == "orbit_knn"
        assert (config["model.encoder.input"] == "canonical") == is_canonical, cell.row


def test_rows_vary_the_setting_of_their_name():
    for cell in TABLES["table1"].cells:
        if "TARGET-VAE" in cell.row:
            assert resolve_settings(cell.training, "quick")["model.group_conv.num_rotations"] == int(
                cell.row.rpartition("P")[2]
            )
    for cell in TABLES["table4"].cells:
        if "d = " in cell.row:
            assert resolve_settings(cell.training, "quick")["model.latent_dim"] == int(cell.row.rpartition(" ")[2])
    for cell in (*TABLES["table6"].cells, *TABLES["table7"].cells):
        if "SCAN" in cell.row:
            assert dict(cell.measure.settings)["clustering.scan.augment"] == cell.row.rpartition(" ")[2].lower()
        if "SimCLR" in cell.row:
            pretext = re.search(r"SimCLR (\S+),", cell.row)[1].lower()
            assert resolve_settings(cell.training, "paper")["simclr.augment"] == pretext
    for cell in TABLES["table8"].cells:
        excluded = (9,) if "without 9" in cell.column else ()
        assert tuple(resolve_settings(cell.training, "quick")["data.exclude_classes"]) == excluded
    for term, key in (("reconstruction", "recon"), ("consistency", "consistency"), ("symmetry breaking", "symmetry")):
        for scale in SCALES:
            loss = resolve_config(find_cell("ablations", f"without {term}").training, scale).loss
            assert [name for name in ("recon", "consistency", "symmetry") if loss[name] == 0] == [key]


def test_equal_cells_share_a_run_and_a_measure_at_the_scale_where_they_are_equal():
    def same(first, second, scale):
        first, second = simplify(first, scale), simplify(second, scale)
        return first.training == second.training, first.measure == second.measure

    for column in (0, 1):
        large = find_cell("table4", "IRL-INR + SCAN, d = 512", column)
        alone = find_cell("table3", "IRL-INR + SCAN", column)
        assert same(large, alone, "paper") == (True, True)
        assert same(large, alone, "quick") == (False, True)
    simclr, last = find_cell("table3", "SimCLR + SCAN"), find_cell("table6", "SimCLR S1+R+T, SCAN S1+S2+R+T")
    rotated = find_cell("table6", "SimCLR S1+R, SCAN S1+S2+R")
    for scale in SCALES:
        assert same(last, simclr, scale) == (True, True)
        assert same(rotated, simclr, scale) == (False, False)
        assert same(find_cell("table8", "SimCLR + SCAN"), simclr, scale) == (True, True)


@pytest.mark.parametrize("scale", SCALES)
def test_simplifying_keeps_configurations_and_merges_equal_runs(scale):
    by_config = {}
    for cell in CELLS:
        simple = simplify(cell, scale)
        config = resolve_settings(simple.training, scale)
        assert config == resolve_settings(cell.training, scale)
        assert simplify(simple, scale) == simple
        by_config.setdefault(str(config), set()).add(simple.training)
    assert [runs for runs in by_config.values() if len(runs) > 1] == []


@pytest.mark.parametrize("scale", SCALES)
def test_runs_and_evaluations_have_unique_names_that_are_valid_file_names(scale, tmp_path):
    runs = runs_at(scale)
    kinds = {simplify(cell, scale).measure.evaluation for cell in CELLS}
    names = [run.name for run in runs]
    files = [runner.record_path(tmp_path, kind).name for kind in kinds]
    assert len(set(names)) == len(runs) > 20 and len(set(files)) == len(kinds) > 5
    assert all(re.fullmatch(r"[\w.=-]{1,200}", name) for name in (*names, *files))
    assert all("-seed" not in name for name in names)


def test_a_setting_equal_to_the_configuration_is_dropped_and_another_kept():
    cell = find_cell("table3", "IRL-INR + SCAN")
    set_twice = dataclasses.replace(
        cell, training=dataclasses.replace(cell.training, settings=(("loss.symmetry", 15.0), ("loss.recon", 0.5)))
    )
    assert simplify(set_twice, "paper").training.settings == (("loss.recon", 0.5),)
