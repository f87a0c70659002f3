"""Test that the table of symbols in the package's docstring names what there is."""

import importlib
import re
import tomllib

import irl_inr_jax
from tests.conftest import ROOT


def test_every_module_and_every_type_of_the_table_exists():
    doc = irl_inr_jax.__doc__
    modules = re.findall(r"\b([a-z]+/[a-z_0-9]+)\.py", doc)
    assert len(modules) > 12
    for module in modules:
        importlib.import_module(f"irl_inr_jax.{module.replace('/', '.')}")
    types = importlib.import_module("irl_inr_jax.types")
    for name in re.findall(r"types\.(\w+)", doc):
        assert hasattr(types, name), name


def test_every_function_of_the_table_is_in_its_module():
    for name, module in {
        "pixel_grid": "geometry.coords",
        "transform_coords": "geometry.coords",
        "centre_of_mass": "geometry.moments",
        "complex_moment_21": "geometry.moments",
        "Encoder": "models.encoder",
        "HyperNetwork": "models.hypernetwork",
        "sample_frequencies": "models.fourier",
        "apply_inr": "models.inr",
        "recon_loss": "methods.losses",
        "Encoded": "methods.parts",
        "Classifier": "clustering.finetune",
        "agreement_loss": "clustering.objectives",
        "size_loss": "clustering.objectives",
        "soft_assignment": "clustering.objectives",
        "target_distribution": "clustering.objectives",
        "make_dataset": "data.datasets",
        "load_trained": "training.trained",
        "embed_images": "evaluation.embeddings",
    }.items():
        assert name in irl_inr_jax.__doc__
        assert hasattr(importlib.import_module(f"irl_inr_jax.{module}"), name), name


def test_the_version_is_that_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == irl_inr_jax.__version__
