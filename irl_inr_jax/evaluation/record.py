"""The parts of results.json that describe data, number of clusters, latents and reconstructions."""

import hashlib
from typing import NamedTuple

import numpy as np

from irl_inr_jax.clustering.choose_k import ChosenK
from irl_inr_jax.data.lazy import in_chunks
from irl_inr_jax.metrics.clustering_scores import neighbour_purity
from irl_inr_jax.metrics.reconstruction import psnr
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Dataset, Embeddings, ImageSet

NUM_NEIGHBOURS = 20
MAX_PURITY_IMAGES = 10_000


def describe_data(dataset: Dataset, split: str, images: ImageSet) -> dict:
    """Describe the evaluated images, with a digest of their pixels."""
    digest = hashlib.sha256()
    for chunk in in_chunks(images.images):
        digest.update(np.ascontiguousarray(chunk).data)
    return {
        "name": dataset.name,
        "description": dataset.description,
        "split": split,
        "num_images": len(images.images),
        "num_train": len(dataset.train.images),
        "image_shape": list(images.images.shape[1:]),
        "class_names": list(dataset.class_names),
        "num_labelled": 0 if images.labels is None else int((images.labels >= 0).sum()),
        "scaling": dataset.scaling._asdict(),
        "notes": list(dataset.notes),
        "skipped": list(dataset.skipped),
        "sha256": digest.hexdigest(),
    }


class NumClusters(NamedTuple):
    """The number of clusters and where it comes from.

    source: 'chosen' from the latents, 'requested' by a flag, 'configured' in evaluation.num_clusters, the number of
    'classes', or a 'guess', if there are no labels and none of the others.
    """

    used: int
    source: str


def describe_num_clusters(num_clusters: NumClusters, chosen: ChosenK | None) -> dict:
    """Return the k used, its source and, where it was to be chosen, the recommendation and its curves."""
    if chosen is None:
        return num_clusters._asdict()
    return {
        **num_clusters._asdict(),
        "recommended": chosen.recommendation.k,
        "reason": chosen.recommendation.reason,
        "curves": {name: np.asarray(values).tolist() for name, values in vars(chosen.curves).items()},
    }


def measure_latents(embeddings: Embeddings) -> dict[str, float]:
    """Measure how often the 20 nearest neighbours in latent space share the label, over at most 10,000 images."""
    if embeddings.labels is None:
        return {}
    kept = np.flatnonzero(embeddings.labels >= 0)[:MAX_PURITY_IMAGES]
    if len(kept) < 2:
        return {}
    neighbours = min(NUM_NEIGHBOURS, len(kept) - 1)
    return {"neighbour_purity": neighbour_purity(embeddings.latents[kept], embeddings.labels[kept], neighbours)}


def measure_reconstruction(trained: TrainedMethod, images: ImageSet, embeddings: Embeddings) -> dict[str, float]:
    """Measure the mean squared error and PSNR of all reconstructions."""
    errors = trained.recon_errors(images.images, embeddings.latents, embeddings.pose)
    return {"mse": float(errors.mean()), "psnr": psnr(errors, peak=1 - trained.scaling.low)}
