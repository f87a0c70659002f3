"""DEC (Xie, Girshick, Farhadi, ICML 2016): train encoder and cluster means towards their confident assignments.

Thesis, section 2.2.1 and Algorithm 4; its final result is DEC on the latents with alpha = 0.0001.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int
from sklearn.cluster import KMeans

from irl_inr_jax.clustering.finetune import make_adam, make_predict, make_run_epoch, start_tuning
from irl_inr_jax.clustering.heads import find_collapse, make_prior
from irl_inr_jax.clustering.image_batches import select_own
from irl_inr_jax.clustering.objectives import soft_assignment, target_distribution, target_loss
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.clustering.tuned_classifiers import standardised_params
from irl_inr_jax.clustering.tuned_encoder import make_tuned_encoder
from irl_inr_jax.devices.threads import single_thread
from irl_inr_jax.training.progress import show_progress
from irl_inr_jax.types import PyTree


def cluster_dec(task: ClusterTask) -> Clustering:
    """Start from the means of k-means, then minimise KL(P || Q) over encoder and means, updating P before each epoch.

    Ends when a smaller share of the images than `dec.tolerance` changes its cluster, or after `dec.num_epochs` with a
    note. If an epoch collapses, the state before it is used. Confidence is q of the image's cluster.

    Raises InputError for what `check_clusterable` refuses.
    """
    check_clusterable(task.fitted.latents, task.num_clusters)
    settings = task.settings.dec
    encoder = make_tuned_encoder(task)

    def assign(params: PyTree, frozen: PyTree, images: Array) -> Array:
        return soft_assignment(encoder.latents(params, frozen, images), params["means"], settings.alpha)

    def loss(params: PyTree, frozen: PyTree, key: jax.Array, rows: Int[Array, "b"], images: Array, data: PyTree):
        assignment = assign(params, frozen, task.trained.to_unit(images[:, 0]))
        value = target_loss(data["targets"][rows], assignment)
        return value, ({"loss": value}, {})

    with single_thread():
        kmeans = KMeans(task.num_clusters, n_init=10, random_state=task.seed).fit(encoder.standardised)
    params = {**encoder.params, "means": jnp.asarray(kmeans.cluster_centers_, jnp.float32)}
    optimizer = make_adam(settings.learning_rate)
    options = {"batch_size": settings.batch_size, "average_decay": 0.0, "select": select_own}
    run_epoch = make_run_epoch(loss, optimizer, task=task, frozen=encoder.frozen, **options)
    predict = make_predict(task, assign)
    tuned = start_tuning(params, optimizer)
    prior = make_prior((), task.num_clusters)
    assignment = predict(params, encoder.frozen, task.fitted)
    note = f"not converged after {settings.num_epochs} epochs"
    with show_progress("DEC: epoch", settings.num_epochs) as update:
        for epoch in range(settings.num_epochs):
            targets = target_distribution(jnp.asarray(assignment))
            tuned, metrics = run_epoch(tuned, {"targets": targets}, epoch)
            before, assignment = assignment.argmax(1), predict(tuned.params, encoder.frozen, task.fitted)
            clusters = assignment.argmax(1)
            collapse = find_collapse(np.bincount(clusters, minlength=task.num_clusters) / len(clusters), prior)
            if collapse:
                note = f"stopped in epoch {epoch + 1}; the state before it is used: {collapse}"
                break
            params = tuned.params
            changed = float(np.mean(clusters != before))
            update(epoch + 1, f"loss {metrics['loss']:.4f}, {100 * changed:.2f} % changed")
            if changed < settings.tolerance:
                note = ""
                break
    assigned = predict(params, encoder.frozen, task.assigned)
    return Clustering(
        clusters=assigned.argmax(1).astype(np.int32),
        confidence=assigned.max(1),
        transductive=task.transductive,
        notes=(note,) if note else (),
        params={**standardised_params(params, encoder.frozen), "alpha": np.float32(settings.alpha)},
    )
