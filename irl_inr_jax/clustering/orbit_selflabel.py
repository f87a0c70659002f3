"""Train a rotation-invariant classifier on labels of a clusterer, so that it corrects them and assigns any image.

Labels from neighbours are wrong where a class is sparse or touches another. A network that sees each image in every
rotation and under small distortions cannot fit these errors as easily as what the members of a cluster have in common.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float16, Float32, Int32, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.augment.polar_views import ViewStrengths
from irl_inr_jax.clustering.consensus import cluster_consensus
from irl_inr_jax.clustering.heads import find_collapse
from irl_inr_jax.clustering.neighbours.distortion import PATCH_SIDE
from irl_inr_jax.clustering.neighbours.orbit_images import measure_radius
from irl_inr_jax.clustering.orbit_knn import label_orbits
from irl_inr_jax.clustering.polar_training import FitOptions, PolarNetwork, classify_patches, train_on_labels
from irl_inr_jax.clustering.task import Clustering, ClusterTask
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.geometry.patches import centred_patches, find_centre
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.types import PyTree, Scaling


class FirstLabels(NamedTuple):
    """First labels of the fitted images, and notes about them for the table."""

    clusters: Int32[np.ndarray, "n"]
    notes: tuple[str, ...]


def cluster_orbit_selflabel(task: ClusterTask) -> Clustering:
    """Train a classifier on the labels of `LABELLERS[settings.labels]`, then assign images to its clusters.

    Each further round trains a new classifier on the labels that the last one gives to the fitted images. Confidence is
    the classifier's probability, which label smoothing keeps below 1. The measure `changed_labels` is the share of the
    fitted images whose cluster is not that of their first label. `params` are the input of `assign_images`.

    Latents are used by the labels of `consensus` only, and a single cluster needs no training. Raises InputError for
    what the labeller refuses.
    """
    settings, num_images = task.settings.orbit_selflabel, len(task.fitted.images)
    network = make_polar_network(task.num_clusters, settings=settings, orbits=task.orbits, fill=task.fill)
    labels, label_notes = LABELLERS[settings.labels](task)
    first_labels = labels
    if task.num_clusters == 1:
        count = len(task.assigned.images)
        return Clustering(np.zeros(count, np.int32), np.ones(count, np.float32), transductive=task.transductive)
    radius = measure_radius(task.fitted.images, task.trained.scaling, task.orbits, batch_size=task.trained.batch_size)
    options = {"orbits": task.orbits, "fill": task.fill, "radius": radius, "batch_size": task.trained.batch_size}
    patches = prepare_patches(task.fitted.images, task.trained.scaling, **options)
    label_notes = (f"first labels: {settings.labels}", *label_notes)
    probabilities, trained, notes = np.eye(task.num_clusters, dtype=np.float32)[labels], {}, label_notes
    # Numbers that neighbouring seeds of the task do not share.
    seeds = np.random.SeedSequence(task.seed).generate_state(settings.num_rounds)
    for number, seed in enumerate(seeds):
        trained = train_on_labels(
            network,
            patches,
            labels,
            options=make_fit_options(settings, num_images),
            strengths=ViewStrengths(**settings.distortion, mirror=task.orbits.mirror),
            seed=int(seed),
            stage=f"classifier of orbits, round {number + 1} of {settings.num_rounds}",
        )
        probabilities = classify_patches(network, trained, patches, batch_size=task.trained.batch_size)
        shares = _shares(labels, task.num_clusters)
        labels = probabilities.argmax(axis=1).astype(np.int32)
        collapse = find_collapse(_shares(labels, task.num_clusters), shares)
        notes = (*label_notes, f"round {number + 1} {collapse}") if collapse else label_notes
    if not task.transductive:
        patches = prepare_patches(task.assigned.images, task.trained.scaling, **options)
        probabilities = classify_patches(network, trained, patches, batch_size=task.trained.batch_size)
    return Clustering(
        clusters=probabilities.argmax(axis=1).astype(np.int32),
        confidence=probabilities.max(axis=1),
        transductive=task.transductive,
        notes=notes,
        measures={"changed_labels": float(np.mean(labels != first_labels))},
        params={**trained, "radius": np.asarray(radius, np.float32)},
    )


def label_by_orbits(task: ClusterTask) -> FirstLabels:
    """Return the most probable cluster of each fitted image by `label_orbits`."""
    return FirstLabels(label_orbits(task).argmax(axis=1).astype(np.int32), (f"cluster sizes: {task.settings.sizes}",))


def label_by_consensus(task: ClusterTask) -> FirstLabels:
    """Return the cluster of each fitted image by `cluster_consensus` on the latents, with its notes."""
    clustering = cluster_consensus(dataclasses.replace(task, assigned=task.fitted))
    return FirstLabels(clustering.clusters, clustering.notes)


LABELLERS: dict[str, Callable[[ClusterTask], FirstLabels]] = {
    "orbit_knn": label_by_orbits,
    "consensus": label_by_consensus,
}


def assign_images(
    params: PyTree,
    images: Shaped[np.ndarray, "n h w c"] | LazyImages,
    scaling: Scaling,
    *,
    settings: ConfigDict,
    orbits: ConfigDict,
    fill: float,
    batch_size: int,
) -> Float32[np.ndarray, "n k"]:
    """Return the probabilities of the clusters for stored images, from the `params` of an earlier clustering.

    settings, orbits: `config.clustering.orbit_selflabel` and `config.orbits` of that clustering.
    """
    radius = float(params["radius"])
    patches = prepare_patches(images, scaling, orbits=orbits, fill=fill, radius=radius, batch_size=batch_size)
    num_clusters = params["network"]["Dense_0"]["bias"].shape[0]
    network = make_polar_network(num_clusters, settings=settings, orbits=orbits, fill=fill)
    return classify_patches(network, params, patches, batch_size=batch_size)


def make_polar_network(num_clusters: int, *, settings: ConfigDict, orbits: ConfigDict, fill: float) -> PolarNetwork:
    """Return the network of `config.clustering.orbit_selflabel` on the polar grid of `config.orbits`."""
    return PolarNetwork(
        widths=tuple(settings.widths),
        head_widths=(settings.hidden_width, settings.feature_width),
        num_clusters=num_clusters,
        num_radii=orbits.num_radii,
        num_angles=orbits.num_angles,
        fill=fill,
    )


def make_fit_options(settings: ConfigDict, num_images: int) -> FitOptions:
    """Return the options of a round: `num_epochs` passes over the images, from `min_steps` to `max_steps` steps."""
    num_steps = settings.num_epochs * num_images // settings.batch_size
    return FitOptions(
        num_steps=min(max(num_steps, settings.min_steps), settings.max_steps),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        smoothing=settings.smoothing,
        average_decay=settings.average_decay,
    )


def prepare_patches(
    images: Shaped[np.ndarray, "n h w c"] | LazyImages,
    scaling: Scaling,
    *,
    orbits: ConfigDict,
    radius: float,
    fill: float,
    batch_size: int,
) -> Float16[np.ndarray, "n s s c"]:
    """Resample stored images on squares about their centres, as half-precision values in [low, 1].

    radius: half side of the squares in half sides of the images; the polar grid is the circle inscribed in them.
    """
    cut = _compile_cut(scaling, centre=orbits.centre, radius=radius, fill=fill)
    return map_batches(cut, (), images, size=batch_size)


@functools.lru_cache(maxsize=8)
def _compile_cut(
    scaling: Scaling, *, centre: str, radius: float, fill: float
) -> Callable[..., Float16[Array, "b s s c"]]:
    @jax.jit
    def cut(_, stored):
        unit = to_unit(scaling, stored)
        patches = centred_patches(unit, find_centre(unit, centre), side=PATCH_SIDE, reach=radius, fill=fill)
        return patches.astype(jnp.float16)

    return cut


def _shares(labels: Int32[np.ndarray, "n"], num_clusters: int) -> Float[np.ndarray, "k"]:
    return np.bincount(labels, minlength=num_clusters) / len(labels)
