"""Test the length of a run."""

import pytest

from irl_inr_jax.training.budget import (
    CPU_MINUTES,
    MIN_STEPS,
    NUM_EPOCHS,
    choose_batch_size,
    choose_holdout,
    choose_length,
    count_epochs,
)


def length(num_images, batch_size=64, **changes):
    options = {"num_epochs": count_epochs(num_images, batch_size), "images_per_second": 400.0, "max_minutes": None}
    return choose_length(num_images, batch_size, **(options | changes))


@pytest.mark.parametrize("num_images", [8, 40, 300, 800, 5_000, 60_000, 1_000_000])
def test_every_number_of_images_gets_enough_steps_in_whole_epochs(num_images):
    batch_size = choose_batch_size(num_images, largest=64, num_devices=1)
    assert 1 <= batch_size <= 64 and (4 * batch_size <= num_images or batch_size == 1)
    chosen = length(num_images, batch_size)
    steps_per_epoch = num_images // batch_size
    assert chosen.num_steps == chosen.num_epochs * steps_per_epoch == chosen.num_wanted
    assert chosen.num_steps >= MIN_STEPS and chosen.num_epochs >= NUM_EPOCHS
    # One epoch less would be too short by one of the two bounds.
    assert (chosen.num_epochs - 1) * steps_per_epoch < MIN_STEPS or chosen.num_epochs == NUM_EPOCHS
    assert 0 < chosen.warmup_steps <= chosen.num_steps / 10 and not chosen.is_cut


def test_800_images_get_thousands_of_steps():
    assert 3_000 <= length(800).num_steps <= 3_100


@pytest.mark.parametrize("num_images", [800, 60_000])
def test_the_time_bounds_the_run(num_images):
    chosen = length(num_images, images_per_second=100.0, max_minutes=CPU_MINUTES)
    seconds = chosen.num_steps * 64 / 100
    assert 60 * CPU_MINUTES - 64 / 100 * (num_images // 64) < seconds <= 60 * CPU_MINUTES
    assert chosen.is_cut and not chosen.is_too_short
    assert chosen.num_wanted == length(num_images).num_steps
    hurried = length(800, images_per_second=100.0, max_minutes=1.0)
    assert hurried.is_too_short and hurried.num_steps * 64 / 100 <= 60


def test_a_run_has_an_epoch_even_without_time_and_a_bound_that_is_never_reached_changes_nothing():
    shortest = length(60_000, max_minutes=0.01)
    assert (shortest.num_epochs, shortest.num_steps) == (1, 60_000 // 64)
    assert shortest.save_every_epochs == shortest.picture_every_epochs == 1
    assert length(800, max_minutes=1e6) == length(800)


def test_checkpoints_and_figures_are_spread_over_the_run():
    chosen = length(800)
    assert 20 <= chosen.num_epochs / chosen.save_every_epochs < 22
    assert 4 <= chosen.num_epochs / chosen.picture_every_epochs < 5


def test_the_batch_is_shared_by_the_devices():
    assert choose_batch_size(10_000, largest=64, num_devices=3) == 66
    assert choose_batch_size(9, largest=64, num_devices=4) == 4


def test_few_images_are_all_trained_on():
    assert choose_holdout(399) == 0 and 20 <= 400 * choose_holdout(400) < 40
