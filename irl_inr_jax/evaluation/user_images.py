"""The evaluated images as their publisher stores them: rows, sizes, and positions in their own pixels."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.data.assembly import check_source, convert_bool, make_fit
from irl_inr_jax.data.datasets import open_source
from irl_inr_jax.data.source import Source
from irl_inr_jax.evaluation.stored import StoredEvaluation, find_rows


class UserImages(NamedTuple):
    """The source of a run's images, and the rows of the evaluated ones.

    rows: (n,) in the order of the evaluation. side: of the square on which images are centred before they are resized;
    0 if each image fills the square by itself.
    """

    source: Source
    rows: Int[np.ndarray, "n"]
    side: int

    def read(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Return the images (h, w, c), as stored, of these numbers in the order of the evaluation."""
        return [np.asarray(image) for image in self.source.read(self.rows[numbers])]

    @property
    def sizes(self) -> Int[np.ndarray, "n 2"]:
        """Heights and widths."""
        return self.source.sizes[self.rows]


def open_user_images(config: ConfigDict, stored: StoredEvaluation) -> UserImages:
    """Return the images of a run as published. Raises InputError if they are no longer there."""
    source = open_source(config.data)
    check_source(source)
    source = convert_bool(source)
    return UserImages(source, find_rows(source.ids, stored.ids), make_fit(config.data, source).side)


def shifts_in_pixels(
    tau: Float[np.ndarray, "n 2"], sizes: Int[np.ndarray, "n 2"], side: int
) -> Float[np.ndarray, "n 2"]:
    """Convert tau, in half sides of the padded square, to pixels right of and above the middle of each image.

    side: of the square, 0 for each image's longer side. Padding is not symmetric if it is an odd number of pixels.
    """
    squares = np.full(len(sizes), side) if side else sizes.max(axis=1)
    padding = squares[:, None] - sizes[:, ::-1]
    odd = np.where(padding % 2 == 1, 0.5, 0.0)  # the middle of the image is this far left of and above the square's
    return tau.astype(np.float64) * squares[:, None] / 2 + odd * np.array([1.0, -1.0])
