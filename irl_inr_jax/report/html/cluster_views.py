"""Pictures of whole clusters: the mean of their upright images, and the INR's drawing of their centre."""

import numpy as np
from jaxtyping import Float32, Int, Int32

from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.evaluation.alignment import upright_images
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Embeddings, Pose

MAX_MEANT = 500  # members of a cluster whose mean is shown
DRAWING_SIDE = 192  # pixels, whatever the size of the images


def mean_upright_images(
    trained: TrainedMethod,
    stored: np.ndarray | LazyImages,
    pose: Pose | None,
    groups: list[Int[np.ndarray, "_"]],
    *,
    fill: float,
) -> Float32[np.ndarray, "k h w c"]:
    """Return the mean upright image of each group of rows, in [low, 1], over `MAX_MEANT` evenly spaced members.

    A group without rows has an image of `fill`.
    """
    means = np.full((len(groups), *stored.shape[1:]), fill, np.float32)
    for number, rows in enumerate(groups):
        chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), MAX_MEANT)).round().astype(int)]
        if len(chosen):
            images = np.asarray(trained.to_unit(stored[chosen]))
            if pose is not None:
                own_pose = Pose(theta=pose.theta[chosen], tau=pose.tau[chosen])
                images = upright_images(images, own_pose, fill=fill)[:]
            means[number] = images.mean(axis=0)
    return means


def find_centres(embeddings: Embeddings, groups: list[Int[np.ndarray, "_"]]) -> Int32[np.ndarray, "k"]:
    """Return the row of the image whose latents are nearest to the mean of each group; -1 for an empty group."""
    centres = np.full(len(groups), -1, np.int32)
    for number, rows in enumerate(groups):
        if len(rows):
            latents = embeddings.latents[rows]
            centres[number] = rows[((latents - latents.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return centres


def draw_centres(
    trained: TrainedMethod, embeddings: Embeddings, centres: Int32[np.ndarray, "k"]
) -> Float32[np.ndarray, "k s s c"]:
    """Render the canonical image of each centre from its latents, with `DRAWING_SIDE` pixels a side."""
    return trained.render(embeddings.latents[np.maximum(centres, 0)], None, side=DRAWING_SIDE)
