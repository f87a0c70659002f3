"""Positions in pixels of the images themselves, against the padding that is applied to them."""

import numpy as np
import pytest

from irl_inr_jax.data.fitting import pad_to_square
from irl_inr_jax.evaluation.user_images import shifts_in_pixels


@pytest.mark.parametrize("size", [(9, 9), (6, 9), (7, 4), (3, 2)])
@pytest.mark.parametrize("side", [0, 9, 12])
def test_the_position_of_a_pixel_survives_padding(size, side):
    height, width = size
    row, column = 1, width - 1
    image = np.zeros((1, height, width, 1))
    image[0, row, column] = 1
    square = side or max(size)
    padded = pad_to_square(image, square, np.zeros(1))
    down, right = (values[0] for values in np.nonzero(padded[0, :, :, 0]))
    tau = np.array([[(2 * right + 1) / square - 1, 1 - (2 * down + 1) / square]])
    shifts = shifts_in_pixels(tau, np.array([size]), side)
    np.testing.assert_allclose(shifts, [[column + 0.5 - width / 2, height / 2 - row - 0.5]], atol=1e-9)
