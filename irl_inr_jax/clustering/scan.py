"""SCAN (van Gansbeke et al., ECCV 2020) on any trained encoder: section 4.3 and Appendix C of the paper.

Mining: the nearest neighbours of every image, in latent space in the paper and under all rotations by default, are
assumed to be of its class. Clustering stage: encoder and linear head are trained to assign an image and its neighbours
to the same cluster, with cluster sizes as in the prior. Self-label stage: the head's confident predictions become
labels of strongly augmented images.

`config.variants.apply_published_scan` has the settings of the authors: `scan.include_anchor`, `scan.standardise`,
`scan.batch_norm` and others.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.augment.augmentation import Augment, make_augment
from irl_inr_jax.augment.views import example_keys
from irl_inr_jax.clustering.finetune import (
    classify,
    make_adam,
    make_run_epoch,
    start_tuning,
    train_heads,
)
from irl_inr_jax.clustering.heads import find_collapse, make_prior
from irl_inr_jax.clustering.image_batches import select_own
from irl_inr_jax.clustering.neighbours.search import nearest_neighbours, recall_notes
from irl_inr_jax.clustering.objectives import agreement_loss, selflabel_loss, size_loss
from irl_inr_jax.clustering.orbit_graph import find_orbit_graph
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.clustering.tuned_classifiers import standardised_params
from irl_inr_jax.clustering.tuned_encoder import Classifier, make_classifier
from irl_inr_jax.training.progress import show_progress
from irl_inr_jax.types import PyTree

PATIENCE = 10  # the self-label stage ends after so many epochs without more confident images


class MinedNeighbours(NamedTuple):
    """Neighbours of each fitted image, and notes and measures on how many of the nearest ones the search has found."""

    rows: Int[np.ndarray, "n q"]
    notes: tuple[str, ...]
    measures: dict[str, float]


def cluster_scan(task: ClusterTask) -> Clustering:
    """Run SCAN with the neighbours of `scan.neighbours`.

    Both stages train on the fitted images. Assigned images take the head's most probable cluster, with its probability
    as confidence. If a stage collapses (`find_collapse`), or no image is confident, a note reports it and the best
    state before it is used.

    Raises InputError for what `check_clusterable` and `make_prior` refuse.
    """
    check_clusterable(task.fitted.latents, task.num_clusters)
    settings = task.settings.scan
    prior = make_prior(settings.prior, task.num_clusters)
    low = task.trained.scaling.low
    augment = make_augment(settings.augment, task.augment, fill=task.fill, low=low)
    mined = mine_neighbours(task)
    classifier = make_scan_classifier(task)
    best = train_heads(
        task,
        classifier,
        make_scan_loss(task, classifier, augment, prior),
        {"neighbours": jnp.asarray(list_candidates(mined.rows, settings))},
        settings=settings,
        weight_decay=settings.weight_decay,
        prior=prior,
        stage="SCAN, clustering stage",
    )
    params, measures = best.params, {"scan_loss": best.loss, **mined.measures}
    notes = [*mined.notes, *([best.collapse] if best.collapse else [])]
    if settings.selflabel_epochs and not best.collapse:
        params, share, note = run_selflabel_stage(task, classifier, augment, params, prior)
        measures["confident_share"] = share
        notes += [note] if note else []
    clusters, confidence = classify(task, classifier, params)
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=tuple(notes),
        measures=measures,
        neighbours=mined.rows,
        params=standardised_params(params, classifier.frozen),
    )


def mine_neighbours(task: ClusterTask) -> MinedNeighbours:
    """Find the neighbours of each fitted image: under all rotations for 'orbits', in latent space for 'latents'.

    Latents are compared by `scan.distance`: Euclidean, or by their angle for 'cosine'.
    """
    settings, latents = task.settings.scan, task.fitted.latents
    if settings.neighbours == "orbits":
        graph = find_orbit_graph(task, settings.num_neighbours)
        return MinedNeighbours(graph.fitted[:, : settings.num_neighbours], (), {"neighbour_recall": graph.recall})
    if len(latents) == 1:
        return MinedNeighbours(np.zeros((1, 1), np.int32), (), {})
    num_neighbours = min(settings.num_neighbours, len(latents) - 1)
    by_angle = settings.distance == "cosine"
    found = nearest_neighbours(latents, latents, num_neighbours, leave_out_self=True, by_angle=by_angle)
    return MinedNeighbours(found.rows, recall_notes(found), {})


def make_scan_classifier(task: ClusterTask) -> Classifier:
    """Make the encoder with the heads of `scan`."""
    settings = task.settings.scan
    return make_classifier(
        task,
        num_heads=settings.num_heads,
        start=settings.head_start,
        standardise=settings.standardise,
        trains_batch_norm=settings.batch_norm == "train",
    )


def list_candidates(neighbours: Int[np.ndarray, "n q"], settings: ConfigDict) -> Int[np.ndarray, "n p"]:
    """Return the images from which the neighbour of each image is sampled, with itself for `include_anchor`."""
    if not settings.include_anchor:
        return neighbours
    return np.concatenate([np.arange(len(neighbours), dtype=neighbours.dtype)[:, None], neighbours], axis=1)


def apply_to_each(
    classifier: Classifier, params: PyTree, frozen: PyTree, *images: Float[Array, "b h w c"]
) -> tuple[list[Float[Array, "heads b k"]], PyTree]:
    """Return the logits of each batch and the statistics of batch norm.

    Frozen statistics allow one call of the encoder. Trained batch norm takes those of each batch, as published.
    """
    if "batch_stats" not in params:
        logits, statistics = classifier.train_logits(params, frozen, jnp.concatenate(images))
        return jnp.split(logits, len(images), axis=1), statistics
    outputs = []
    for batch in images:
        logits, statistics = classifier.train_logits(params, frozen, batch)
        params = {**params, **statistics}
        outputs.append(logits)
    return outputs, {"batch_stats": params["batch_stats"]}


def make_scan_loss(
    task: ClusterTask, classifier: Classifier, augment: Augment, prior: Float[np.ndarray, "k"]
) -> Callable[..., tuple[Array, tuple[dict[str, Array], PyTree]]]:
    """Make SCAN's loss on a batch of images, each with the neighbour of `select_pairs`, for every head separately."""
    weight = task.settings.scan.entropy_weight

    def loss(params: PyTree, frozen: PyTree, key: jax.Array, rows: Int[Array, "b"], images: Array, data: PyTree):
        _, view_key = jax.random.split(key)
        both = task.trained.to_unit(jnp.concatenate([images[:, 0], images[:, 1]]))
        images = augment(example_keys(view_key, jnp.arange(len(both))), both)
        (first, second), statistics = apply_to_each(classifier, params, frozen, *jnp.split(images, 2))
        agreement = jax.vmap(agreement_loss)(first, second)
        probs = jax.nn.softmax(first)
        losses = agreement + weight * jax.vmap(lambda p: size_loss(p, jnp.asarray(prior)))(probs)
        sizes = jax.nn.one_hot(first.argmax(-1), first.shape[-1]).mean(1)
        return losses.mean(), ({"loss": losses, "agreement": agreement, "sizes": sizes}, statistics)

    return loss


def make_selflabel_loss(
    task: ClusterTask, classifier: Classifier, augment: Augment
) -> Callable[..., tuple[Array, tuple[dict[str, Array], PyTree]]]:
    """Make the loss of the self-label stage.

    Confident predictions of the first head on unaugmented images are the labels of their strongly augmented copies.
    """
    threshold = task.settings.scan.selflabel_threshold

    def loss(params: PyTree, frozen: PyTree, key: jax.Array, rows: Int[Array, "b"], images: Array, data: PyTree):
        images = task.trained.to_unit(images[:, 0])
        logits, statistics = jax.lax.stop_gradient(classifier.train_logits(params, frozen, images))
        probs = jax.nn.softmax(logits[0])
        labels, confident = probs.argmax(-1), probs.max(-1) >= threshold
        changed = augment(example_keys(key, jnp.arange(len(rows))), images)
        logits, statistics = classifier.train_logits({**params, **statistics}, frozen, changed)
        value = selflabel_loss(logits[0], labels, confident)
        sizes = jax.nn.one_hot(labels, probs.shape[-1]).mean(0)
        return value, ({"loss": value, "confident": confident.mean(), "sizes": sizes}, statistics)

    return loss


def run_selflabel_stage(
    task: ClusterTask, classifier: Classifier, augment: Augment, params: PyTree, prior: Float[np.ndarray, "k"]
) -> tuple[PyTree, float, str]:
    """Return the parameters after self-labelling, the final share of confident images, and a note on a failure or ''.

    Ends when the share of confident images no longer grows (Algorithm 5 of the thesis).
    """
    settings = task.settings.scan
    optimizer = make_adam(settings.selflabel_learning_rate, weight_decay=settings.weight_decay)
    run_epoch = make_run_epoch(
        make_selflabel_loss(task, classifier, augment),
        optimizer,
        task=task,
        frozen=classifier.frozen,
        batch_size=settings.selflabel_batch_size,
        average_decay=settings.average_decay,
        select=select_own,
    )
    tuned = start_tuning(params, optimizer)
    kept, most, most_epoch, share = params, 0.0, 0, 0.0
    with show_progress("SCAN, self-label stage: epoch", settings.selflabel_epochs) as update:
        for epoch in range(settings.selflabel_epochs):
            tuned, metrics = run_epoch(tuned, {}, epoch)
            share = float(metrics["confident"])
            update(epoch + 1, f"loss {metrics['loss']:.4f}, confident {100 * share:.0f} %")
            unsure = f"no image has a confidence of {settings.selflabel_threshold}" if share == 0 else ""
            failure = unsure or find_collapse(metrics["sizes"], prior)
            if failure:
                note = f"self-label stage stopped in epoch {epoch + 1}; the state before it is used: {failure}"
                return kept, share, note
            kept = tuned.average
            if share > most + 1e-3:
                most, most_epoch = share, epoch
            elif epoch - most_epoch >= PATIENCE:
                update(settings.selflabel_epochs, f"share of confident images constant since epoch {most_epoch + 1}")
                break
    return kept, share, ""
