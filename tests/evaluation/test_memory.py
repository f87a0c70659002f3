import numpy as np

from irl_inr_jax.evaluation.memory import watch_memory


def test_what_is_taken_shows_although_it_is_given_back():
    with watch_memory() as grown:
        taken = np.ones(40_000_000)  # 320 MB
        assert grown() > 200
        del taken
        assert grown() > 200


def test_nothing_taken_is_next_to_nothing():
    with watch_memory() as grown:
        pass
    assert 0 <= grown() < 50
