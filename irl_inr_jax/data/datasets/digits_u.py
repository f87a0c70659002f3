"""digits(U): scikit-learn's 1,797 handwritten digits of 8x8 pixels, enlarged twice, in random poses.

The digits are part of scikit-learn, so no download is needed: a small MNIST(U) for tests and demonstrations.
"""

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.random_pose import add_random_poses
from irl_inr_jax.data.source import Source, array_source, row_ids

_ZOOM = 2.0  # 8x8 pixels are too few to be rotated; a digit is 16 pixels wide on the canvas
_MAX_VALUE = 16  # pixels are published as the number of inked pixels in a 4x4 block


def read_digits_u(data: ConfigDict) -> Source:
    """Return the digits on a canvas of config.data.canvas pixels (0: 16), in random poses. Raises InputError."""
    from sklearn.datasets import load_digits  # the import takes a second; other data sets need not wait

    digits = load_digits()
    images = np.round(digits.images * (255 / _MAX_VALUE)).astype(np.uint8)
    source = array_source(
        "scikit-learn's digits",
        images,
        row_ids("digits", len(images)),
        labels=digits.target,
        description="scikit-learn's 8x8 digits, enlarged twice",
    )
    return add_random_poses(data, source, zoom=_ZOOM)
