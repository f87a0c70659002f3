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
    *("", "paper", "thesis", "small", "thesis,small", "small,paper", "orbit_knn", "orbit_knn,small", "irl_inr"),
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


def test_mnist_u_without_9_differs_in_the_classes_alone():
    for variants in ("", "paper", "small"):
        ours, other = flatten(load("mnist_u_no9", variants)), flatten(load("mnist_u", variants))
        assert [key for key in ours if ours[key] != other[key]] == ["data.exclude_classes"]


def test_paper_has_the_values_of_the_paper():
    """Test against Table 5, Appendix A and section 4.1, for MNIST(U)."""
    config = load("mnist_u", "paper")
    assert (config.loss.recon, config.loss.consistency, config.loss.symmetry, config.loss.cross) == (1, 1, 15, 0)
    assert (config.model.latent_dim, config.model.pose.form, config.model.encoder.input) == (512, "centre", "raw")
    assert config.model.encoder.trunk == "resnet18" and tuple(config.model.encoder.head_widths) == (512, 512)
    assert (config.model.encoder.width, config.model.encoder.stem) == (64, "3x3")
    assert tuple(config.model.hypernet.widths) == (256, 256, 256) == tuple(config.model.inr.widths)
    assert (config.model.inr.num_frequencies, config.model.inr.frequency_std) == (256, 2.0)
    train = config.train
    assert (train.learning_rate, train.batch_size, train.weight_decay, train.num_epochs) == (1e-4, 128, 5e-4, 200)
    assert (train.b1, train.b2, train.schedule, train.optimizer) == (0.5, 0.999, "constant", "adam")
    assert (config.data.canvas, config.data.translation_px, config.views.translation_px) == (50, 5.0, 5.0)
    assert config.views.interpolation == "nearest"


def test_thesis_has_the_values_of_the_thesis():
    """Test against its section 4, for rotated MNIST."""
    config = load("rotated_mnist", "thesis")
    assert (config.loss.recon, config.loss.consistency, config.loss.symmetry) == (1, 1, 15)
    assert config.loss.num_copies == 3 and config.loss.consistency_distance == "mse"
    assert config.model.encoder.trunk == "mlp" and tuple(config.model.encoder.head_widths) == (128,) * 4
    assert tuple(config.model.hypernet.widths) == (128, 128, 256) and tuple(config.model.inr.widths) == (128, 128)
    assert (config.model.latent_dim, config.model.inr.num_frequencies, config.train.weight_decay) == (32, 128, 1e-5)
    assert tuple(config.data.exclude_classes) == (9,) and not config.model.pose.translation


def test_pixel_autoencoder_is_the_initial_encoder_of_dec():
    """Test against Xie et al. (2016), section 4.3: d-500-500-2000-10, the reconstruction alone."""
    config = load("mnist_u", "pixel_autoencoder")
    assert tuple(config.model.encoder.head_widths) == (500, 500, 2000) and config.model.latent_dim == 10
    assert config.model.encoder.trunk == "mlp" and config.clustering.dec.alpha == 1
    assert (config.loss.recon, config.loss.cross, config.loss.consistency, config.loss.symmetry) == (1, 0, 0, 0)


def test_the_thesis_baseline_differs_from_the_thesis_in_its_generator_alone():
    ours, baseline = flatten(load("rotated_mnist", "thesis")), flatten(load("rotated_mnist", "thesis,autoencoder"))
    assert [key for key in ours if ours[key] != baseline[key]] == ["method"]
