"""Test the loss on held-out images and the decision to end a run."""

import jax
import numpy as np
import pytest

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.heldout import count_stale, has_converged, hold_out, make_heldout_loss
from irl_inr_jax.training.run import init_state, make_run
from irl_inr_jax.types import InputError


@pytest.fixture(scope="module")
def config():
    from irl_inr_jax.presets import tiny

    return tiny.get_config().unlock()


@pytest.fixture(scope="module")
def dataset(config):
    return make_dataset(config.data)


def test_held_out_images_are_chosen_by_the_seed_and_leave_the_others_in_order(dataset):
    kept, held_out = hold_out(dataset, share=0.1, seed=0)
    assert len(held_out.ids) == 26 and len(kept.train.ids) == 230
    assert set(held_out.ids) | set(kept.train.ids) == set(dataset.train.ids)
    for part in (kept.train, held_out):
        rows = np.flatnonzero(np.isin(dataset.train.ids, part.ids))
        np.testing.assert_array_equal(part.images, dataset.train.images[rows])
        np.testing.assert_array_equal(part.labels, dataset.train.labels[rows])
    np.testing.assert_array_equal(hold_out(dataset, share=0.1, seed=0)[1].ids, held_out.ids)
    assert set(hold_out(dataset, share=0.1, seed=1)[1].ids) != set(held_out.ids)


def test_without_a_share_the_data_set_is_the_same_object(dataset):
    assert hold_out(dataset, share=0.0, seed=0) == (dataset, None)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_shares_of_too_few_and_of_all_images_are_refused(dataset, share):
    with pytest.raises(InputError, match=r"expected config.train.holdout to hold out at least 2 of the 256"):
        hold_out(dataset, share=share, seed=0)


def test_the_loss_depends_on_the_parameters_alone(config, dataset):
    config = config.copy_and_resolve_references()
    config.loss.neighbours = 0.1
    kept, held_out = hold_out(dataset, share=0.1, seed=0)
    run = make_run(config, kept, make_mesh(jax.devices()[:1]), neighbours=np.zeros((230, 10), np.int32))
    heldout_loss, state = make_heldout_loss(run, held_out), init_state(run)
    first = heldout_loss(state)
    assert np.isfinite(first) and first > 0
    # The step and the key of the state, on which the views of training depend, make no difference.
    later = state.replace(step=state.step + 100, key=jax.random.key_data(jax.random.key(7)))
    assert heldout_loss(later) == first
    assert heldout_loss(state.replace(params=jax.tree.map(lambda leaf: 0.5 * leaf, state.params))) != first


@pytest.mark.parametrize(
    ("history", "stale"),
    [
        ([], 0),
        ([1.0], 0),
        ([3.0, 2.0, 1.0], 0),
        ([1.0, 0.9995, 0.9992], 2),  # falls by less than a thousandth
        ([1.0, 0.9995, 0.9985], 0),  # but two such falls count
        ([1.0, 2.0, 0.5, 0.6, 0.7], 2),
        ([1.0, float("nan"), float("inf")], 2),
        ([float("nan"), 1.0], 0),
    ],
)
def test_values_without_a_lower_one_are_counted(history, stale):
    assert count_stale(history) == stale


def test_patience_ends_a_run_and_a_continued_run_decides_the_same():
    history = [5.0, 3.0, 3.1, 2.0, 2.2, 2.1, 2.0, 1.0]
    ends = [number for number in range(len(history) + 1) if has_converged(history[:number], 3)]
    assert ends == [7]  # each decision follows from the values so far
    assert not any(has_converged(history[:number], 0) for number in range(len(history)))
