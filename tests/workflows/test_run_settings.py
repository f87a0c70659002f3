"""Test the settings that are chosen for a folder of images."""

import numpy as np
import pytest

from irl_inr_jax.commands.run_choice import extend_plan
from irl_inr_jax.commands.run_plan import Plan
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.presets import images
from irl_inr_jax.training import cost
from irl_inr_jax.types import InputError
from irl_inr_jax.workflows import run_settings
from irl_inr_jax.workflows.run_settings import choose_cost, choose_recipe, describe_choice, load_images


@pytest.fixture
def config(tmp_path):
    """Own images: 600 of 80x80 pixels in one file."""
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).integers(0, 255, (600, 80, 80), np.uint8))
    config = images.get_config().unlock()
    config.data.path = str(tmp_path / "stack.npy")
    return config


@pytest.fixture
def speed(monkeypatch):
    """Replace the trial by a machine of 320 images per second."""
    found = cost.Cost("cpu", 320.0, 0, 0.0, 1.0, 1.0, 1.0)
    monkeypatch.setattr(run_settings, "estimate_cost", lambda config, dataset: found)


def choose(config, *, overrides=None, is_preset=False, budget=None):
    overrides = overrides or {}
    config.update_from_flattened_dict(overrides)
    dataset = load_images(config, overrides=overrides, is_preset=is_preset)
    if not is_preset:
        choose_recipe(config, dataset, overrides)
    length, seconds = choose_cost(config, dataset, overrides=overrides, is_preset=is_preset, budget=budget)
    check_config(config)
    return length, describe_choice(config, dataset, length, seconds)


def test_the_choice_and_its_cost_are_one_line(config, speed):
    length, line = choose(config)
    assert line == "600 images of 64 px: 3,000 steps of 64 images with the small networks, about 10 min 0 s"
    # 570 images are left for training: eight steps an epoch.
    assert length.num_epochs == config.train.num_epochs == 375 and config.train.holdout == 0.05
    assert config.data.resize == 64 and config.train.patience > 0 and config.loss.neighbours > 0


def test_the_budget_cuts_the_run_and_says_what_it_would_need(config, speed):
    _, line = choose(config, budget=1.0)
    assert "296 steps of 64 images" in line and "about 59 s" in line
    assert "--budget 10 allows the 3,000 that they need; so few steps may give poor clusters" in line
    assert config.train.patience == 0


def test_a_longer_budget_lets_the_run_end_when_the_loss_no_longer_falls(config, speed, tmp_path):
    choose(config, budget=1.0)
    dataset = load_images(config, overrides={}, is_preset=False)
    request = {"--config": None, "--budget": 20.0}
    plan = Plan(request | {"--budget": 1.0}, 600, [64, 64, 1], "digest", {"train.patience": 0}, "")
    extended = extend_plan(plan, request, config, dataset, folder=tmp_path, overrides={})
    assert extended.settings == {"train.patience": 5, "train.num_epochs": 375} and config.train.patience == 5


def test_a_short_run_that_its_budget_does_not_cut_ends_when_the_loss_no_longer_falls(config, speed):
    _, line = choose(config, overrides={"train.num_epochs": 20})
    assert "160 steps" in line and config.train.patience == 5


def test_keys_that_the_user_set_stay(config, speed):
    overrides = {"data.resize": 16, "train.batch_size": 32, "train.num_epochs": 2, "train.holdout": 0.0}
    length, line = choose(config, overrides=overrides)
    assert "600 images of 16 px: 36 steps of 32 images" in line and length.num_epochs == 2
    assert config.train.patience == 0


def test_a_preset_keeps_its_settings_and_its_length_within_the_budget(config, speed):
    before = config.copy_and_resolve_references()
    choose(config, is_preset=True)
    assert config == before
    choose(config, is_preset=True, budget=1.0)  # 5 steps a second
    assert config.train.num_epochs == 33  # of 9 steps
    before.train.num_epochs = 33
    assert config == before


def test_too_few_images_are_refused(config):
    np.save(config.data.path, np.eye(8, dtype=np.uint8)[None].repeat(7, 0))
    with pytest.raises(InputError, match="expected at least 8 training images"):
        load_images(config, overrides={}, is_preset=False)
