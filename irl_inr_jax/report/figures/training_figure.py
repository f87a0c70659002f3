"""The figure that training saves at intervals: reconstructions of a few training images."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from irl_inr_jax.report.figures.reconstruction_figures import save_reconstructions
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import ImageSet

NUM_SHOWN = 12


def save_training_figure(
    path: Path, trained: TrainedMethod, images: ImageSet, rows: Int[np.ndarray, "rows"], *, name: str
) -> None:
    """Save inputs, their reconstructions and canonical views, for methods that reconstruct.

    rows: of the images that are shown. name: of the data, for the title.
    """
    shown = images.images[rows]
    latents, pose = trained.encode(shown)
    side = shown.shape[1]
    recons = trained.render(latents, pose, side=side)
    canonical = trained.render(latents, None, side=side)
    save_reconstructions(path, *map(trained.to_display, (trained.to_unit(shown), recons, canonical)), name=name)


def evenly_spaced_rows(num_images: int, num_shown: int) -> Int[np.ndarray, "rows"]:
    """Return at most `num_shown` evenly spaced rows, since images are often ordered by class."""
    return np.unique(np.linspace(0, num_images - 1, num_shown).round().astype(int))
