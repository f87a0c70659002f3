"""Predicted against true rotation angles."""

from functools import partial

import numpy as np

from irl_inr_jax.report.figures import rotation_figure

save_rotation_scatter = partial(rotation_figure.save_rotation_scatter, name="lots")

TRUE = np.linspace(0.05, 6.2, 150)


def ink(pixels):
    """Mask of dots and bars: the blue of the data, which no letter or line has."""
    return pixels[..., 2] - pixels[..., 0] > 20


def test_a_perfect_prediction_is_on_the_diagonal_and_has_one_bar(render):
    mask = ink(render(save_rotation_scatter, TRUE, TRUE))
    rows, columns = np.nonzero(mask[:, :480])
    assert np.corrcoef(rows, columns)[0, 1] < -0.99
    assert np.ptp(rows) > 300
    assert len(np.nonzero(mask[:, 480:].any(axis=0))[0]) < 10


def test_winding_numbers_do_not_matter_and_errors_do(render):
    a = ink(render(save_rotation_scatter, TRUE, TRUE + 0.3))
    b = ink(render(save_rotation_scatter, TRUE + 2 * np.pi, TRUE + 0.3 - 4 * np.pi))
    c = ink(render(save_rotation_scatter, TRUE, TRUE - 0.3))
    assert np.mean(a != b) < 1e-3 < np.mean(a != c)


def test_small_errors_are_resolved_and_half_rotations_are_at_the_right(render):
    def bars(errors_deg):
        return np.flatnonzero(ink(render(save_rotation_scatter, TRUE, TRUE + np.radians(errors_deg)))[:, 560:].any(0))

    at = [bars(np.full(150, error)).mean() for error in (0.1, 0.2, 179.9)]
    assert (np.diff(at) > 15).all()
    assert np.ptp(bars(np.where(np.arange(150) < 3, 180.0, 0.1))) > 250


def test_any_number_of_images(render):
    for num_images in (1, 2, 5_000):
        true = np.random.default_rng(0).uniform(0, 6, num_images).astype(np.float32)
        assert ink(render(save_rotation_scatter, true, np.zeros(num_images, np.float32))).any()
