"""Test that the neighbours of a run are searched once, and again for other images or settings."""

import dataclasses

import numpy as np
import pytest

from irl_inr_jax.clustering.neighbours import training_neighbours
from irl_inr_jax.clustering.neighbours.image_neighbours import ImageIndex
from irl_inr_jax.clustering.neighbours.training_neighbours import estimate_search_seconds, load_neighbours
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.presets import tiny


@pytest.fixture
def search(monkeypatch):
    """The calls of the search, which returns the number of the call as every neighbour."""
    calls = []

    def index(images, settings):
        def find(count):
            calls.append((len(images), settings.orbits.num_angles, count, settings.fill, settings.batch_size))
            return np.full((len(images), count), len(calls), np.int32)

        return ImageIndex(find, pytest.fail, pytest.fail)

    monkeypatch.setattr(training_neighbours, "index_images", index)
    return calls


@pytest.fixture
def config():
    config = tiny.get_config()
    config.loss.update(neighbours=0.1, num_neighbours=3)
    return config


def test_the_search_is_kept_until_images_or_settings_change(search, config, tmp_path):
    dataset = make_dataset(config.data)

    def load():
        found = load_neighbours(config, dataset, tmp_path)
        assert found.dtype == np.int32 and found.shape == (len(dataset.train.images), config.loss.num_neighbours)
        return int(found[0, 0])

    assert [load(), load()] == [1, 1] and search == [(256, 48, 3, 0.0, 64)]
    config.loss.neighbours = 0.2
    config.train.num_epochs = 7
    assert load() == 1  # neither is read by the search
    config.orbits.num_angles = 24
    assert [load(), load()] == [2, 2]
    config.loss.num_neighbours = 2
    assert load() == 3
    config.wafers.num_radii = 8
    assert [load(), load()] == [4, 4]
    changed = dataset.train.images.copy()
    changed[0, 0, 0] ^= 1
    dataset = dataclasses.replace(dataset, train=dataclasses.replace(dataset.train, images=changed))
    assert [load(), load()] == [5, 5]
    (tmp_path / "neighbours.npz").write_bytes(b"PK\x03\x04 damaged")
    assert [load(), load()] == [6, 6]
    assert [path.name for path in tmp_path.iterdir()] == ["neighbours.npz"]


def test_there_is_no_search_without_the_term(search, config, tmp_path):
    config.loss.neighbours = 0.0
    assert load_neighbours(config, make_dataset(config.data), tmp_path) is None
    assert not search and not list(tmp_path.iterdir())


def test_the_time_of_a_search_is_extrapolated_from_a_search_among_some_images(search, config, monkeypatch):
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(training_neighbours.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(training_neighbours, "MIN_TRIAL_IMAGES", 64)
    config.orbits.num_candidates = 20
    assert estimate_search_seconds(config, make_dataset(config.data)) == 2.0 * 256 / 64
    assert [call[0] for call in search] == [64, 64]
    config.loss.neighbours = 0.0
    assert estimate_search_seconds(config, make_dataset(config.data)) == 0.0
