"""IIC (Ji, Henriques, Vedaldi, ICCV 2019); thesis, section 2.2.2.

Encoder and heads are trained to maximise the mutual information between the clusters of an image and of an augmented
copy: of itself in the paper, of one of its neighbours under all rotations by default.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from irl_inr_jax.augment.augmentation import make_augment
from irl_inr_jax.augment.views import example_keys
from irl_inr_jax.clustering.finetune import classify, train_heads
from irl_inr_jax.clustering.heads import make_prior
from irl_inr_jax.clustering.objectives import mutual_information_loss
from irl_inr_jax.clustering.orbit_graph import find_orbit_graph
from irl_inr_jax.clustering.task import Clustering, ClusterTask, check_clusterable
from irl_inr_jax.clustering.tuned_classifiers import standardised_params
from irl_inr_jax.clustering.tuned_encoder import make_classifier
from irl_inr_jax.types import PyTree

NUM_NEIGHBOURS = 10  # among which the other image of a pair is chosen


def cluster_iic(task: ClusterTask) -> Clustering:
    """Train several heads on one encoder and use the one with the lowest training loss that has not collapsed.

    `iic.neighbours` chooses the other image of each pair: 'orbits' or 'none', the image itself.

    Confidence is the head's probability. Raises InputError for what `check_clusterable` refuses.
    """
    check_clusterable(task.fitted.latents, task.num_clusters)
    settings = task.settings.iic
    classifier = make_classifier(task, num_heads=settings.num_heads, start=settings.head_start)
    low = task.trained.scaling.low
    augment = make_augment(settings.augment, task.augment, fill=task.fill, low=low)

    def loss(params: PyTree, frozen: PyTree, key: jax.Array, rows: Int[Array, "b"], images: Array, data: PyTree):
        _, view_key = jax.random.split(key)
        images, changed = (task.trained.to_unit(images[:, number]) for number in range(2))
        changed = augment(example_keys(view_key, jnp.arange(len(rows))), changed)
        probs = jax.nn.softmax(classifier.logits(params, frozen, jnp.concatenate([images, changed])))
        first, second = jnp.split(probs, 2, axis=1)
        losses = jax.vmap(mutual_information_loss)(first, second)
        sizes = jax.nn.one_hot(first.argmax(-1), first.shape[-1]).mean(1)
        return losses.mean(), ({"loss": losses, "sizes": sizes}, {})

    neighbours = np.arange(len(task.fitted.images), dtype=np.int32)[:, None]
    if settings.neighbours == "orbits":
        neighbours = find_orbit_graph(task, NUM_NEIGHBOURS).fitted[:, :NUM_NEIGHBOURS]
    best = train_heads(
        task,
        classifier,
        loss,
        {"neighbours": jnp.asarray(neighbours)},
        settings=settings,
        weight_decay=0.0,
        prior=make_prior((), task.num_clusters),
        stage="IIC",
    )
    clusters, confidence = classify(task, classifier, best.params)
    return Clustering(
        clusters=clusters,
        confidence=confidence,
        transductive=task.transductive,
        notes=(best.collapse,) if best.collapse else (),
        measures={"iic_loss": best.loss},
        params=standardised_params(best.params, classifier.frozen),
    )
