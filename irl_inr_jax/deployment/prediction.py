"""Clusters and outlier scores of new images by a model, without the training set."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, Int32, Shaped

from irl_inr_jax.clustering.kmeans import assign_to_centres
from irl_inr_jax.clustering.neighbours.exact import exact_neighbours
from irl_inr_jax.clustering.neighbours.voting import vote
from irl_inr_jax.clustering.orbit_selflabel import assign_images
from irl_inr_jax.clustering.outlier_index import count_neighbours, measure_isolation
from irl_inr_jax.clustering.tuned_classifiers import classify_by_heads, classify_by_means
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.metrics.clustering_scores import NOISE

Images = Shaped[np.ndarray, "n h w c"] | LazyImages
Assigned = tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]

# Of the distance of an image to its last neighbour: an image so near to a reference image is taken to be that image.
SAME_IMAGE = 1e-3


class ReferenceNeighbours(NamedTuple):
    """Rows of the nearest reference images of each new image in latent space, nearest first, and their distances."""

    rows: Int32[np.ndarray, "n q"]
    distances: Float32[np.ndarray, "n q"]


class NearestKnown(NamedTuple):
    """Id and distance of the nearest reference image of each new image, and its outlier score.

    outlier_scores: local outlier factor among the reference images; about 1 for an image of a known kind, higher for a
    more isolated one.
    """

    ids: np.ndarray
    distance: Float32[np.ndarray, "n"]
    outlier_scores: Float32[np.ndarray, "n"]


def search_reference(bundle: ModelBundle, latents: Float[np.ndarray, "n d"]) -> ReferenceNeighbours:
    """Find the reference images nearest to each new image: enough for votes and outlier scores.

    Exact for any number of new images, since a model has few reference images (`outliers.MAX_ROWS`).
    """
    num_known = len(bundle.reference.latents)
    count = min(max(bundle.config.clustering.vote_neighbours, count_neighbours(num_known)), num_known)
    if not len(latents):
        return ReferenceNeighbours(np.zeros((0, count), np.int32), np.zeros((0, count), np.float32))
    return ReferenceNeighbours(*exact_neighbours(latents, bundle.reference.latents, count, leave_out_self=False))


def predict_clusters(
    bundle: ModelBundle, latents: Float[np.ndarray, "n d"], images: Images, search: Callable[[], ReferenceNeighbours]
) -> dict[str, Assigned]:
    """Return (clusters, confidence) by clusterer. latents, images: of the new images, as stored for the encoder.

    A clusterer with a classifier uses it: k-means the nearest mean, others their network. The others take the most
    common cluster among the nearest reference images in latent space; confidence is its share. search: returns the
    result of `search_reference`.
    """
    return {name: predict_by(name, bundle, latents, images, search) for name in bundle.clusterers}


def predict_by(
    name: str,
    bundle: ModelBundle,
    latents: Float[np.ndarray, "n d"],
    images: Images,
    search: Callable[[], ReferenceNeighbours],
) -> Assigned:
    """Return clusters and confidence by one clusterer, as `predict_clusters`."""
    if not len(latents):
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    if name not in bundle.classifiers or name not in CLASSIFIERS:
        return vote_of_reference(name, bundle, search())
    outputs, confidence = CLASSIFIERS[name](bundle, latents, images)
    clusters = bundle.numbers[name][outputs].astype(np.int32)
    return clusters, np.where(clusters == NOISE, np.float32(0), confidence)


def find_nearest(bundle: ModelBundle, found: ReferenceNeighbours) -> NearestKnown:
    """Return the nearest reference image of each new image, and the outlier scores. found: of `search_reference`."""
    isolation = measure_isolation(found.rows, found.distances, bundle.reference.index)
    return NearestKnown(bundle.reference.ids[isolation.nearest], isolation.distance, isolation.outlier_score)


def vote_of_reference(name: str, bundle: ModelBundle, found: ReferenceNeighbours) -> Assigned:
    """Return the most common cluster among the `vote_neighbours` nearest reference images and its share.

    An image that is in the reference keeps its cluster and its confidence. Noise has confidence 0.
    """
    reference = bundle.reference
    rows, distances = (array[:, : bundle.config.clustering.vote_neighbours] for array in (found.rows, found.distances))
    clusters, confidence = vote(reference.clusters[name], rows)
    is_known = distances[:, 0] <= SAME_IMAGE * distances[:, -1]
    clusters = np.where(is_known, reference.clusters[name][rows[:, 0]], clusters).astype(np.int32)
    confidence = np.where(is_known, reference.confidence[name][rows[:, 0]], confidence)
    return clusters, np.where(clusters == NOISE, 0, confidence).astype(np.float32)


def _by_kmeans(bundle: ModelBundle, latents: Float[np.ndarray, "n d"], images: Images) -> Assigned:
    return assign_to_centres(bundle.classifiers["kmeans"]["centres"], latents)


def _by_orbit_selflabel(bundle: ModelBundle, latents: Float[np.ndarray, "n d"], images: Images) -> Assigned:
    config = bundle.config
    return _most_probable(
        assign_images(
            bundle.classifiers["orbit_selflabel"],
            images,
            bundle.trained.scaling,
            settings=config.clustering.orbit_selflabel,
            orbits=config.orbits,
            fill=config.views.fill,
            batch_size=bundle.trained.batch_size,
        )
    )


def _by_heads_of(name: str) -> Callable[..., Assigned]:
    def predict(bundle: ModelBundle, latents: Float[np.ndarray, "n d"], images: Images) -> Assigned:
        return _most_probable(classify_by_heads(bundle.classifiers[name], images, bundle.trained))

    return predict


def _by_dec(bundle: ModelBundle, latents: Float[np.ndarray, "n d"], images: Images) -> Assigned:
    return _most_probable(classify_by_means(bundle.classifiers["dec"], images, bundle.trained))


def _most_probable(probabilities: Float32[np.ndarray, "n k"]) -> tuple[Int[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    return probabilities.argmax(axis=1), probabilities.max(axis=1)


CLASSIFIERS: dict[str, Callable[..., tuple[Int[np.ndarray, "n"], Float32[np.ndarray, "n"]]]] = {
    "kmeans": _by_kmeans,
    "orbit_selflabel": _by_orbit_selflabel,
    "scan": _by_heads_of("scan"),
    "iic": _by_heads_of("iic"),
    "dec": _by_dec,
}
