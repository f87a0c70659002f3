import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.clustering.heads import BestHead, find_collapse, keep_head, make_prior
from irl_inr_jax.types import InputError

UNIFORM = np.full(4, 0.25, np.float32)
HEALTHY = np.array([0.4, 0.3, 0.2, 0.1])
DEAD = np.array([0.5, 0.3, 0.2, 0.0])


def heads(*values):
    return {"encoder": jnp.ones(2), "heads": {"kernel": jnp.asarray(values, jnp.float32)[:, None]}}


def test_a_prior_is_normalised_and_uniform_by_default():
    np.testing.assert_allclose(make_prior((), 5), np.full(5, 0.2))
    np.testing.assert_allclose(make_prior((1, 3), 2), [0.25, 0.75])


@pytest.mark.parametrize("sizes", [(1.0,), (1.0, 0.0), (1.0, -2.0), (1.0, 2.0, 3.0)])
def test_a_prior_of_another_length_or_with_a_size_that_is_not_positive_is_refused(sizes):
    with pytest.raises(InputError, match=r"expected 2 positive numbers in clustering\.scan\.prior"):
        make_prior(sizes, 2)


def test_collapse_is_one_cluster_with_nearly_all_images_or_too_few_live_clusters():
    assert find_collapse(HEALTHY, UNIFORM) == ""
    assert find_collapse(np.array([0.97, 0.01, 0.01, 0.01]), UNIFORM) == "collapsed: one cluster has 97 % of the images"
    assert find_collapse(DEAD, UNIFORM) == "collapsed: 3 of 4 clusters are live"
    assert find_collapse(np.ones(1), np.ones(1)) == ""


def test_clusters_as_small_as_the_prior_are_live():
    sizes, prior = np.array([0.01, 0.96, 0.02, 0.01]), np.array([0.94, 0.03, 0.02, 0.01])
    assert find_collapse(sizes, UNIFORM) and find_collapse(sizes, prior) == ""
    assert find_collapse(np.array([0.0, 0.96, 0.02, 0.02]), prior) == "collapsed: 3 of 4 clusters are live"


def test_the_head_with_the_lowest_loss_is_used_unless_it_has_collapsed():
    params, losses = heads(1.0, 2.0, 3.0), np.array([0.5, 0.1, 0.3])
    best = BestHead.none(params).after(params, losses, np.stack([HEALTHY, DEAD, HEALTHY]), UNIFORM)
    assert best.collapse == "" and best.loss == pytest.approx(0.3)
    np.testing.assert_array_equal(best.params["heads"]["kernel"], [[3.0]])
    np.testing.assert_array_equal(best.params["encoder"], np.ones(2))


def test_after_a_collapse_the_best_earlier_state_is_used_and_noted_until_a_head_recovers():
    first, second, third = heads(1.0), heads(2.0), heads(3.0)
    healthy = BestHead.none(first).after(first, np.array([0.5]), HEALTHY[None], UNIFORM)
    collapsed = healthy.after(second, np.array([0.1]), DEAD[None], UNIFORM)
    np.testing.assert_array_equal(collapsed.params["heads"]["kernel"], [[1.0]])
    assert collapsed.collapse == "the best earlier state is used: the head collapsed: 3 of 4 clusters are live"
    recovered = collapsed.after(third, np.array([0.4]), HEALTHY[None], UNIFORM)
    assert recovered.collapse == "" and recovered.loss == pytest.approx(0.4)


def test_a_result_without_any_healthy_head_is_noted():
    params = heads(1.0, 2.0)
    best = BestHead.none(params).after(params, np.array([0.5, 0.1]), np.stack([DEAD, DEAD]), UNIFORM)
    np.testing.assert_array_equal(best.params["heads"]["kernel"], [[2.0]])
    assert best.collapse == "collapsed: 3 of 4 clusters are live" and best.loss == pytest.approx(0.1)
    later = best.after(heads(3.0, 4.0), np.array([0.9, 0.8]), np.stack([HEALTHY, DEAD]), UNIFORM)
    np.testing.assert_array_equal(later.params["heads"]["kernel"], [[3.0]])
    assert later.collapse == ""


def test_keeping_a_head_keeps_the_array_dimensions():
    kept = keep_head(heads(1.0, 2.0), 1)
    assert kept["heads"]["kernel"].shape == (1, 1) and kept["heads"]["kernel"][0, 0] == 2
