"""A model applied to new images; what several results share is computed once."""

import functools

import numpy as np
from jaxtyping import Float32, Int32, Shaped

from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.deployment.model_views import (
    KnownNeighbours,
    align_new_images,
    find_known_similar,
    reconstruct_images,
    require_predicted_pose,
)
from irl_inr_jax.deployment.new_images import NewImages, read_new_images
from irl_inr_jax.deployment.prediction import (
    NearestKnown,
    ReferenceNeighbours,
    find_nearest,
    predict_by,
    search_reference,
)
from irl_inr_jax.types import InputError, Pose


class AppliedModel:
    """New images, read by the rule of the model, and what the model says about them.

    Raises InputError for images that `read_new_images` refuses.
    """

    def __init__(self, bundle: ModelBundle, what: object):
        self.bundle = bundle
        self.new: NewImages = read_new_images(bundle, what, max_unreadable=0.0)

    @functools.cached_property
    def encoded(self) -> tuple[Float32[np.ndarray, "n d"], Pose | None]:
        """Latents and poses."""
        return self.bundle.trained.encode(self.new.images)

    @property
    def latents(self) -> Float32[np.ndarray, "n d"]:
        """Latents z."""
        return self.encoded[0]

    @property
    def pose(self) -> Pose | None:
        """Poses, or None for a method without one."""
        return self.encoded[1]

    @functools.cached_property
    def neighbours(self) -> ReferenceNeighbours:
        """The known images nearest to each in latent space."""
        return search_reference(self.bundle, self.latents)

    @functools.cached_property
    def nearest(self) -> NearestKnown:
        """The nearest known image of each, and the outlier scores."""
        return find_nearest(self.bundle, self.neighbours)

    def clusters(self, clusterer: str) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
        """Return clusters and confidences by one clusterer. Raises InputError if the model has no clusters of it."""
        name = require_clusterer(self.bundle, clusterer)
        return predict_by(name, self.bundle, self.latents, self.new.images, lambda: self.neighbours)

    def align(self, side: int) -> Shaped[np.ndarray, "n s s c"]:
        """Return the images upright; see `align_new_images`. Raises InputError for a method without pose."""
        return align_new_images(self.bundle, self.new, require_predicted_pose(self.bundle, self.pose), side=side)

    def reconstruct(self) -> Float32[np.ndarray, "n s s c"]:
        """Return the reconstructions. Raises InputError for a method without a decoder."""
        return reconstruct_images(self.bundle, self.latents, self.pose)

    def find_similar(self, count: int) -> KnownNeighbours:
        """Return the known images most similar to the only new one. Raises InputError for several."""
        if len(self.new.ids) != 1:
            raise InputError(f"expected one image to compare with the known ones, found {len(self.new.ids)}")
        if count < 1:
            raise InputError(f"expected at least 1 similar image, found {count}")
        return find_known_similar(self.bundle, np.asarray(self.new.images[:1]), count=count)


def require_clusterer(bundle: ModelBundle, clusterer: str) -> str:
    """Return the name. Raises InputError if the model has no clusters of it."""
    if clusterer not in bundle.clusterers:
        raise InputError(f"expected a clusterer among {', '.join(bundle.clusterers)}, found {clusterer!r}; fit again")
    return clusterer
