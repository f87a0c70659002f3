"""Products over rotations, against explicit shifts of the polar images in float64."""

import numpy as np
import pytest

from irl_inr_jax.clustering.neighbours.pair_products import LANES, rotation_products, rotation_tables


def random_polar(count, num_angles, seed):
    return np.random.default_rng(seed).normal(size=(count, 3, num_angles, 1)).astype(np.float32)


def to_spectra(polar):
    """(n, 2, r, f): the unitary half spectrum, weighted by the frequencies that it stands for, and padded."""
    spectrum = np.fft.rfft(polar[..., 0].astype(np.float64), axis=2, norm="ortho")
    frequencies = np.arange(spectrum.shape[2])
    spectrum = spectrum * np.where((frequencies == 0) | (2 * frequencies == polar.shape[2]), 1, np.sqrt(2))
    spectra = np.stack([spectrum.real, spectrum.imag], axis=1).astype(np.float32)
    return np.pad(spectra, ((0, 0), (0, 0), (0, 0), (0, -spectra.shape[3] % LANES)))


def rotate(polar, step, mirrored):
    """The polar image mirrored top to bottom, if so given, and then rotated counter-clockwise by steps."""
    angles = np.arange(polar.shape[1])
    mirror = polar[:, -angles % len(angles)] if mirrored else polar
    return np.roll(mirror, step, axis=1)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("num_angles", [8, 9])
def test_the_product_is_the_largest_and_steps_and_mirror_reproduce_it(num_angles, mirror):
    queries, points = random_polar(4, num_angles, 0), random_polar(5, num_angles, 1)
    candidates = np.array([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [0, 0, 1, 1, 2], [2, 4, 1, 3, 0]], np.int32)
    found, steps, mirrored = rotation_products(
        to_spectra(queries), to_spectra(points), candidates, *rotation_tables(num_angles), num_angles, mirror
    )
    assert mirrored.max() == mirror
    for query, row in enumerate(candidates):
        for column, point in enumerate(row):
            exact = queries[query].astype(np.float64), points[point].astype(np.float64)
            products = [
                (exact[0] * rotate(exact[1], step, flip)).sum()
                for flip in range(1 + mirror)
                for step in range(num_angles)
            ]
            assert found[query, column] == pytest.approx(max(products), rel=1e-5)
            own = rotate(exact[1], steps[query, column], mirrored[query, column])
            assert (exact[0] * own).sum() == pytest.approx(max(products), rel=1e-5)
