"""Test the settings that are chosen for a user's own images."""

import pytest

from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.recipe import SizeFacts, apply_recipe, choose_image_side, list_changes, set_keys
from irl_inr_jax.config.storage import flatten


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (SizeFacts(28, 28, True), {}),
        (SizeFacts(64, 20, True), {}),
        (SizeFacts(200, 150, True), {"data.resize": 64}),
        (SizeFacts(200, 150, False), {"data.resize": 64}),
        (SizeFacts(2000, 300, True), {"data.resize": 64, "data.same_scale": False}),
        (SizeFacts(400, 40, True), {"data.resize": 40, "data.same_scale": False}),
        (SizeFacts(400, 40, False), {"data.resize": 64}),
    ],
)
def test_images_are_reduced_but_never_enlarged_as_a_set(sizes, expected):
    assert choose_image_side(sizes) == expected
    assert expected.get("data.resize", sizes.longest) <= sizes.longest


@pytest.mark.parametrize("on_cpu", [True, False])
@pytest.mark.parametrize(
    ("num_images", "in_memory", "neighbours"),
    [(8, True, 0), (60, True, 3), (800, True, 10), (10**6, True, 10), (800, False, 0)],
)
def test_the_recipe_is_a_valid_configuration(num_images, in_memory, neighbours, on_cpu):
    config = base.get_config()
    apply_recipe(config, num_images=num_images, in_memory=in_memory, on_cpu=on_cpu)
    check_config(config)
    assert (config.loss.num_neighbours if config.loss.neighbours else 0) == neighbours
    # The trial of an excessively large set never trains a classifier on a CPU.
    assert ("orbit_selflabel" in config.evaluation.clusterers) == (not on_cpu or num_images < 10**6)


def test_networks_are_those_of_the_default_everywhere_and_runs_are_shorter_on_a_cpu():
    default, on_cpu, on_gpu = base.get_config(), base.get_config(), base.get_config()
    apply_recipe(on_cpu, num_images=800, in_memory=True, on_cpu=True)
    apply_recipe(on_gpu, num_images=800, in_memory=True, on_cpu=False)
    for name, value in flatten(default).items():
        if name.startswith(("model.encoder.polar", "model.hypernet", "model.inr", "loss.")):
            assert flatten(on_cpu)[name] == flatten(on_gpu)[name] == value, name
    assert on_cpu.train.num_epochs < on_gpu.train.num_epochs == default.train.num_epochs


def test_changes_between_configurations_can_be_stored_and_set_again():
    before, after = base.get_config(), base.get_config()
    apply_recipe(after, num_images=100, in_memory=True, on_cpu=True)
    changes = list_changes(before, after)
    assert changes["train.num_epochs"] == 20 and "seed" not in changes
    as_json = {key: list(value) if isinstance(value, tuple) else value for key, value in changes.items()}
    set_keys(before, as_json)
    assert flatten(before) == flatten(after)
