"""Test every preset and every variant it offers."""

import importlib
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import flatten
from tests.conftest import ROOT

FOLDER = Path(find_spec("irl_inr_jax.presets").submodule_search_locations[0])
NAMES = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
BASELINES = (
    "spatial_vae",
    "target_vae",
    "simclr",
    "mlp_generator",
    "autoencoder",
    "pixel_autoencoder",
    "thesis,autoencoder",
)
VARIANTS = (
    *(
        "",
        "paper",
        "thesis",
        "small",
        "thesis,small",
        "small,paper",
        "cpu",
        "cpu,thesis",
        "orbit_knn",
        "orbit_knn,small",
        "irl_inr",
    ),
    *BASELINES,
    *(f"{baseline},small" for baseline in BASELINES),
)


def load(name, variants=""):
    return importlib.import_module(f"irl_inr_jax.presets.{name}").get_config(variants)


def test_the_presets_are_there():
    expected = ["digits_u", "mnist_u", "mnist_u_no9", "rotated_mnist", "rotated_fashion_mnist", "wm811k"]
    expected += ["whoi_plankton", "particles", "dsprites", "galaxy_zoo", "tfds", "images", "tiny"]
    assert set(NAMES) == set(expected)


def test_every_package_is_in_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "irl_inr_jax").rglob("*.py")}
    packages = {".".join(folder.parts) for folder in folders} | {"irl_inr_jax.presets"}
    assert sorted(packages) == project["tool"]["setuptools"]["packages"]


def test_no_preset_imports_another():
    for name in NAMES:
        source = (FOLDER / f"{name}.py").read_text()
        assert "presets" not in source.partition("\ndef ")[0].split('"""')[-1], name
        assert source.count("irl-inr train --config") == 1, name


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_is_valid_and_locked(name):
    for variants in VARIANTS:
        config = load(name, variants)
        check_config(config)
        with pytest.raises(AttributeError, match="batch_size"):
            config.train.batchsize = 1


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_variants_does_not_matter_and_an_unknown_one_is_named(name):
    assert flatten(load(name, "thesis,small")) == flatten(load(name, "small,thesis"))
    assert load(name, "thesis").method == "thesis" and load(name).method == "irl_inr"
    assert flatten(load(name, "irl_inr")) == flatten(load(name))
    with pytest.raises(ValueError, match=r"expected variants among .*'paper'.*, found 'papre'"):
        load(name, "papre")


@pytest.mark.parametrize("name", NAMES)
def test_the_variant_of_a_baseline_chooses_its_method_and_its_input(name):
    for baseline in BASELINES:
        assert load(name, baseline).method == ("autoencoder" if "autoencoder" in baseline else baseline)
    assert load(name, "autoencoder").loss.views == "pair" == load(name, "pixel_autoencoder").loss.views
    assert load(name, "thesis,autoencoder").loss.views == "copies"
    assert load(name, "pixel_autoencoder").model.pose.form == "none"


@pytest.mark.parametrize("name", NAMES)
def test_features_of_wafers_are_offered_for_wafers_only(name):
    if name != "wm811k":
        with pytest.raises(ValueError, match="found 'wafer_features'"):
            load(name, "wafer_features")
        return
    for variants in ("wafer_features", "full,wafer_features", "wafer_features,small"):
        config = load(name, variants)
        check_config(config)
        assert (config.method, config.train.num_epochs) == ("wafer_features", 0)


def test_mnist_u_without_9_differs_in_the_classes_alone():
    for variants in ("", "paper", "small", "cpu"):
        ours, other = flatten(load("mnist_u_no9", variants)), flatten(load("mnist_u", variants))
        assert [key for key in ours if ours[key] != other[key]] == ["data.exclude_classes"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"tiny", "dsprites"}))
def test_cpu_uses_all_images_and_their_neighbours(name):
    config = load(name, "cpu")
    assert config.data.num_train == 0 and config.model.encoder.trunk == "polar" and config.loss.neighbours > 0
    assert load(name, "cpu,thesis").loss.neighbours == load(name, "cpu,target_vae").loss.neighbours == 0
    assert ("consensus" if name == "wm811k" else "orbit_selflabel") in config.evaluation.clusterers


def test_streamed_images_have_no_neighbours():
    config = load("dsprites", "cpu")
    assert config.model.encoder.trunk == "polar" and config.loss.neighbours == 0
    assert not any(
        name.startswith("orbit") for name in (*config.evaluation.clusterers, *load("dsprites").evaluation.clusterers)
    )
