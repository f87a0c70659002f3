"""The curves as data: their settings, and the published values they refer to."""

import sys

import pytest
from absl import flags
from ml_collections import config_flags

from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import flatten
from papers.curves import (
    CURVES,
    TEST_IMAGES,
    curve_config,
    curve_folder,
    list_curves,
    training_arguments,
    with_settings,
)
from papers.runner import Workspace
from papers.systems import resolve_settings

FILES = {"train.picture_every_epochs", "train.keep_checkpoints", "train.save_every_epochs"}


def parse(arguments, monkeypatch):
    """The configuration and the workdir of train.py with these arguments."""
    known = flags.FlagValues()
    holder = config_flags.DEFINE_config_file("config", flag_values=known)
    flags.DEFINE_string("workdir", None, "", flag_values=known)
    # ml_collections reads the overrides of a configuration from there.
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    known(sys.argv)
    return flatten(holder.value), known.workdir


@pytest.mark.parametrize("name", CURVES)
def test_only_networks_and_how_often_files_are_written_differ_from_the_publication(name, monkeypatch, tmp_path):
    curve, workspace = CURVES[name], Workspace(tmp_path, "/data", "long")
    long, workdir = parse(training_arguments(workspace, curve, tmp_path, 0), monkeypatch)
    check_config(curve_config(workspace, curve, 0))
    published = resolve_settings(curve.training, "paper") | {"data.root": "/data"}
    differing = {key for key in long if long[key] != published[key]}
    networks = {key for key in differing if key.startswith("model.")}
    assert networks and differing - networks <= FILES and workdir == str(tmp_path / "run")
    assert long["model.latent_dim"] == published["model.latent_dim"]
    wide, _ = parse(training_arguments(workspace._replace(scale="paper"), curve, tmp_path, 0), monkeypatch)
    assert {key for key in wide if wide[key] != published[key]} <= FILES
    assert wide["train.save_every_epochs"] == long["train.save_every_epochs"] == curve.save_every_epochs
    often, _ = parse(
        training_arguments(workspace, with_settings(curve, (("train.save_every_epochs", 3),)), tmp_path, 0), monkeypatch
    )
    assert often == long | {"train.save_every_epochs": 3}
    short, _ = parse(training_arguments(workspace, curve, tmp_path, 7), monkeypatch)
    assert short == long | {"train.num_epochs": 7} == flatten(curve_config(workspace, curve, 7))
    assert list_curves().count(f"{curve.name}  ") == 1 and curve.title in list_curves()


def test_curves_are_of_the_systems_and_values_that_their_names_say():
    found = {
        name: (curve.training.system, [cell.published for cell in curve.published]) for name, curve in CURVES.items()
    }
    assert found == {
        "thesis": ("thesis", ["79.3"]),
        "irl_inr_rotated": ("irl_inr", ["59.6 ± 1.12", "71.53 ± 1.01", "0.9891"]),
        "irl_inr_wafers": ("irl_inr", ["55.06 ± 1.83", "56.74 ± 1.15"]),
        "irl_inr_mnist_u": ("irl_inr", ["59.6 ± 1.12", "71.53 ± 1.01", "0.9891", "0.999, 0.999"]),
        "target_vae": ("target_vae", ["64.63 ± 4.4", "68.8 ± 4.39", "0.859", "0.972, 0.971"]),
        "spatial_vae": ("spatial_vae", ["31.87 ± 3.72", "35.62 ± 2.08", "0.005", "0.982, 0.983"]),
        "simclr": ("simclr", []),
        "ours": ("ours", ["59.6 ± 1.12", "71.53 ± 1.01", "0.9891", "0.999, 0.999"]),
    }
    finals = {name: curve.final.published for name, curve in CURVES.items() if curve.final}
    assert finals == {
        "thesis": "81.1",
        "irl_inr_wafers": "64.6 ± 1.01",
        "irl_inr_mnist_u": "90.4 ± 1.74",
        "target_vae": "63.09 ± 1.7",
        "simclr": "85.4 ± 1.46",
        "ours": "",
    }


def test_images_without_translation_have_none_in_their_views_either():
    for name in ("thesis", "irl_inr_rotated", "irl_inr_wafers"):
        config = resolve_settings(CURVES[name].training, "long")
        assert config["data.translation_px"] == 0 == config["views.translation_px"]
        assert not config["model.pose.translation"]
    assert resolve_settings(CURVES["irl_inr_rotated"].training, "long")["data.exclude_classes"] == ()
    assert resolve_settings(CURVES["thesis"].training, "long")["data.exclude_classes"] == (9,)


def test_settings_of_training_make_another_run():
    trained = (("loss.symmetry", 1.0), ("seed", 4))
    changed = with_settings(CURVES["thesis"], (*trained, ("data.num_test", 50)))
    assert dict(changed.training.settings) == {"data.num_test": 50, "loss.symmetry": 1.0, "seed": 4}
    assert dict(CURVES["thesis"].training.settings) == dict(TEST_IMAGES)
    assert resolve_settings(changed.training, "long")["loss.symmetry"] == 1.0


def test_folders_are_those_of_their_settings(tmp_path):
    def folder(*settings):
        return curve_folder(Workspace(tmp_path, "", "long"), CURVES["thesis"], settings)

    assert folder() == tmp_path / "curves" / "thesis-long"
    both = folder(("loss.symmetry", 1.0), ("seed", 4))
    assert both.name == "thesis-long-loss.symmetry=1.0-seed=4" and both == folder(("seed", 4), ("loss.symmetry", 1.0))
    assert folder(("data.seed", 4)) != folder(("seed", 4))
    slash = folder(("data.path", "../a-seed=4"))
    assert slash.parent == tmp_path / "curves" and slash.name.count("=") == 1
