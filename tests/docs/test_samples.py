"""The scripts and examples that make images for the guides."""

import re
import runpy

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.config import base
from irl_inr_jax.data.datasets import make_dataset
from tests.conftest import ROOT, load_script

galaxies = load_script("docs/samples/galaxies.py")


def python_example(page, word):
    """The Python example of a page that contains a word."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return next(text for text in examples if word in text)


@pytest.mark.parametrize("kind", galaxies.KINDS)
def test_simulated_galaxies_are_centred_and_as_elongated_as_their_kind(kind):
    image = galaxies.draw_galaxy(np.random.default_rng(1), kind).astype(float).sum(axis=2)
    light = np.clip(image - np.median(image) - 40, 0, None)
    offsets = np.mgrid[: galaxies.SIDE, : galaxies.SIDE].reshape(2, -1) - (galaxies.SIDE - 1) / 2
    weights = light.ravel() / light.sum()
    assert np.abs(offsets @ weights).max() < 2
    small, large = np.linalg.eigvalsh((offsets * weights) @ offsets.T)
    low, high = galaxies.KINDS[kind][0]
    assert low * 0.8 < np.sqrt(small / large) < max(high * 1.25, 0.45)


def test_galaxies_are_written_as_the_data_set_reads_them(tmp_path, monkeypatch):
    monkeypatch.setattr(galaxies, "COUNT", 50)
    monkeypatch.setattr(galaxies, "draw_galaxy", lambda rng, kind: rng.integers(0, 90, (32, 32, 3), np.uint8))
    galaxies.write_galaxies(tmp_path)
    data = base.get_config().data
    data.update(name="galaxy_zoo", root=str(tmp_path), resize=16)
    dataset = make_dataset(data)
    assert set(dataset.class_names) == set(galaxies.KINDS)
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert len(labels) == 50 and (labels < 0).sum() == 10
    assert {"Class1.1", "Class11.6"} <= set(dataset.train.columns)


@pytest.mark.slow
def test_the_digits_of_get_started_are_a_folder_of_classes_and_the_table_has_their_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page, word in {"docs/index.md": "load_digits", "docs/guides/folder.md": "photos.csv"}.items():
        (tmp_path / "example.py").write_text(python_example(page, word))
        runpy.run_path(str(tmp_path / "example.py"))
    files = sorted(tmp_path.glob("digits/*/*.png"))
    assert len(files) == 1797 and {file.parent.name for file in files} == set("0123456789")
    assert Image.open(files[0]).size == (24, 24)
    data = base.get_config().data
    data.update(name="images", path="photos.csv")
    dataset = make_dataset(data)
    assert len(dataset.train.ids) == 599 and (dataset.train.labels >= 0).sum() == 60
    assert set(dataset.train.columns) == {"scanner"}
