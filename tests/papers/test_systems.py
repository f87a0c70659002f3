"""The systems of the tables at each scale, and how their differences from the publications are described."""

import sys

import jax
import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.config.storage import flatten
from irl_inr_jax.methods import METHODS
from papers.records import TrainingSpec
from papers.systems import (
    QUICK_DATA,
    QUICK_DIGITS,
    QUICK_TRAINING,
    SYSTEMS,
    describe_differences,
    resolve_config,
    resolve_settings,
)
from tests.papers.cells import runs_at


def test_the_quick_scale_gives_all_trained_systems_one_optimizer_and_the_paper_scale_changes_nothing():
    for run in runs_at("quick"):
        quick, paper = (resolve_settings(run, scale) for scale in ("quick", "paper"))
        if run.system == "orbit_knn":
            # A training-free method has no batches.
            differs = {key for key in quick if quick[key] != paper[key] and key.startswith("train.")}
            assert differs == {"train.batch_size"}
        else:
            set_for_all = dict(QUICK_TRAINING) | dict(QUICK_DATA[run.config])
            assert {key: quick[key] for key in set_for_all} == set_for_all, run.name
    training = {key: value for key, value in flatten(base.get_config()).items() if key.startswith("train.")}
    # Exempt: how often files are written, and each system's weight decay.
    free = {key for key in training if key.split(".")[1].split("_")[0] in ("log", "save", "picture", "keep", "weight")}
    for settings in QUICK_DATA.values():
        assert set(training) - free == {key for key in dict(QUICK_TRAINING) | dict(settings) if key in training}


def test_at_the_paper_scale_a_run_has_only_the_differences_of_its_system():
    for run in runs_at("paper"):
        differs = SYSTEMS[run.system].differs
        assert describe_differences(run, "paper") == ([differs] if differs else [])


DIGITS = [
    f"training images all → {dict(QUICK_DIGITS)['data.num_train']}",
    f"test images all → {dict(QUICK_DIGITS)['data.num_test']}",
]


@pytest.mark.parametrize("system", ["ours", "ours_autoencoder", pytest.param("irl_inr", marks=pytest.mark.slow)])
def test_networks_are_called_smaller_if_they_have_fewer_parameters(system):
    def count(scale):
        config = resolve_config(TrainingSpec("mnist_u", system), scale)
        config.model.latent_dim = 10  # which is named by itself
        method = METHODS[config.method](config, num_channels=1, low=0.0, axis_name=None)
        params, _ = jax.eval_shape(method.init, jax.random.key(0), np.zeros((2, 50, 50, 1), np.float32))
        return sum(leaf.size for leaf in jax.tree.leaves(params))

    words = describe_differences(TrainingSpec("mnist_u", system), "quick")
    assert ("smaller networks" in words, "larger networks" in words) == (
        count("quick") < count("paper"),
        count("quick") > count("paper"),
    )


def test_at_the_quick_scale_reduced_settings_are_described():
    description = "; ".join(describe_differences(TrainingSpec("mnist_u", "irl_inr"), "quick"))
    epochs = dict(QUICK_DATA["mnist_u"])["train.num_epochs"]
    words_of_scale = (*DIGITS, f"epochs 200 → {epochs}", "d 512 → 10")
    for words in (*words_of_scale, "smaller networks", "another optimizer", "clusterers with fewer epochs"):
        assert words in description
    own = [
        describe_differences(TrainingSpec("mnist_u", system), "quick")
        for system in ("autoencoder", "pixel_autoencoder")
    ]
    assert not [line for lines in own for line in lines if "networks" in line]
    dimension = describe_differences(TrainingSpec("mnist_u", "irl_inr", (("model.latent_dim", 64),)), "quick")
    assert not [line for line in dimension if line.startswith("d ")]
    assert (
        f"images per class (1000, 200) → {dict(QUICK_DATA['whoi_plankton'])['data.class_images']}"
        in describe_differences(TrainingSpec("whoi_plankton", "irl_inr"), "quick")
    )
    simclr = describe_differences(TrainingSpec("wm811k", "simclr"), "quick")
    epochs = dict(QUICK_DATA["wm811k"])["train.num_epochs"]
    assert simclr[0] == SYSTEMS["simclr"].differs and f"epochs 500 → {epochs}" in simclr and "batch 512 → 128" in simclr
    assert not [line for line in simclr if "images" in line]
    orbit = describe_differences(TrainingSpec("mnist_u", "orbit_knn"), "quick")
    assert orbit == [SYSTEMS["orbit_knn"].differs, *DIGITS]


def test_presets_are_those_of_the_repository(monkeypatch):
    """Whose package has none if an installed copy of it is elsewhere."""
    monkeypatch.setitem(sys.modules, "irl_inr_jax.presets", None)
    assert resolve_config(TrainingSpec("mnist_u", "irl_inr"), "paper").data.name == "mnist_u"
