"""New images through a model's eyes: upright, reconstructed, and beside the known images most similar to them."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float32, Int, Shaped

from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.deployment.new_images import NewImages
from irl_inr_jax.evaluation.alignment import align_batch, batch_size_of, canvas_of
from irl_inr_jax.evaluation.similar_images import find_similar, make_similar_settings, match_query
from irl_inr_jax.types import InputError, Pose, Scaling


class KnownNeighbours(NamedTuple):
    """The n known images most similar to a query, most similar first.

    ids: (n,). rows: (n,) of the model's reference. similarity: (n,) at most 1. angles: (n,) radians by which each is
    rotated counter-clockwise to match the query. mirrored: (n,) whether it is mirrored before. images: (n, s, s, c)
    rotated and shifted like the query, for display in [0, 1].
    """

    ids: np.ndarray
    rows: Int[np.ndarray, "n"]
    similarity: Float[np.ndarray, "n"]
    angles: Float[np.ndarray, "n"]
    mirrored: Int[np.ndarray, "n"]
    images: Float32[np.ndarray, "n s s c"]


def require_predicted_pose(bundle: ModelBundle, pose: Pose | None) -> Pose:
    """Return the pose. Raises InputError for a method that predicts none."""
    if pose is None:
        raise InputError(
            f"expected a method that predicts poses, found {bundle.config.method}; fit with config.method='irl_inr'"
        )
    return pose


def align_new_images(bundle: ModelBundle, new: NewImages, pose: Pose, *, side: int) -> Shaped[np.ndarray, "n s s c"]:
    """Return the images rotated and shifted upright by their poses, in the type of the training images.

    side: in pixels; 0 is that of the largest image of the training.
    """
    canvas = canvas_of(bundle.input_rule.fit, bundle.input_rule.channels, side)
    size, total = batch_size_of(canvas, bundle.input_rule.channels), len(new.ids)
    aligned = np.empty((total, canvas.side, canvas.side, bundle.input_rule.channels), bundle.input_rule.dtype)
    for first in range(0, total, size):
        rows = np.arange(first, min(first + size, total))
        part = jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[rows], pose)
        batch = align_batch([np.asarray(image) for image in new.source.read(rows)], part, canvas, size=size)
        aligned[rows] = batch.stored(np.dtype(bundle.input_rule.dtype))
    return aligned


def reconstruct_images(
    bundle: ModelBundle, latents: Float32[np.ndarray, "n d"], pose: Pose | None
) -> Float32[np.ndarray, "n s s c"]:
    """Return the decoder's images of latents and pose, in the values of the stored pixels.

    Raises InputError for a method without a decoder.
    """
    if bundle.trained.method.reconstruct is None:
        raise InputError(f"expected a method with a decoder, found {bundle.config.method}, which has none")
    unit = bundle.trained.render(latents, pose, side=bundle.input_rule.fit.out_side)
    return from_unit(bundle.trained.scaling, unit)


def from_unit(scaling: Scaling, unit: Float[np.ndarray, "*any"]) -> Float32[np.ndarray, "*any"]:
    """Return stored values of values in [low, 1]."""
    return ((unit - scaling.offset) / scaling.scale).astype(np.float32)


def find_known_similar(bundle: ModelBundle, image: Shaped[np.ndarray, "1 s s c"], *, count: int) -> KnownNeighbours:
    """Find the `count` reference images nearest to a stored image under all rotations.

    Raises InputError if the model has no pixels of known images.
    """
    reference = bundle.reference
    if not len(reference.images):
        raise InputError("expected known images in the model, found none, since they are large; use the run itself")
    settings = make_similar_settings(bundle.config, bundle.trained.scaling)
    found = find_similar(image, reference.images, settings, count=count, own_row=None)
    rows = reference.image_rows[found.rows]
    matched = match_query(image, reference.images[found.rows], found, settings)
    return KnownNeighbours(
        ids=reference.ids[rows],
        rows=rows,
        similarity=found.similarity,
        angles=found.angles,
        mirrored=found.mirrored,
        images=bundle.trained.to_display(matched).astype(np.float32),
    )
