"""digits(U): scikit-learn's 1,797 handwritten digits of 8x8 pixels, enlarged twice and put in random poses.

It comes with scikit-learn, so it needs no download: MNIST(U) at the size of a test.
"""

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.labels import encode_labels
from irl_inr_jax.data.random_pose import make_posed_dataset
from irl_inr_jax.data.source import row_ids
from irl_inr_jax.types import Dataset, ImageSet

_ZOOM = 2.0  # 8x8 pixels are too few to be turned; a digit is 16 pixels wide on the canvas
_BRIGHTEST = 16  # the files count ink in 4x4 blocks


def make_digits_u(data: ConfigDict) -> Dataset:
    """digits(U) under `config.data`: canvas (0 is 16), translation_px, test_fraction, subsets. Raises InputError."""
    from sklearn.datasets import load_digits  # takes a second, which other data sets need not wait

    digits = load_digits()
    images = np.round(digits.images * (255 / _BRIGHTEST)).astype(np.uint8)
    source = "scikit-learn's digits"
    (labels,), class_names = encode_labels([digits.target], source=source)
    return make_posed_dataset(
        data,
        ImageSet(images[..., None], row_ids("digits", len(images)), labels, pose=None),
        None,
        class_names=class_names,
        translation_px=data.translation_px,
        zoom=_ZOOM,
        description="scikit-learn's 8x8 digits, enlarged twice",
        source=source,
    )
