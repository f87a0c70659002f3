"""The part of the verdict that is on the clusters: are they stable, and better than those of simpler methods?

Without labels a clusterer is judged by how many of the nearest images of an image, under all rotations, are in its
cluster. The training-free clusterer `orbit_knn` divides the graph of these neighbours, so it is hard to exceed.
"""

import numpy as np

from irl_inr_jax.clustering.stability import measure_stability
from irl_inr_jax.evaluation.comparison import BASELINE
from irl_inr_jax.evaluation.finding import Finding
from irl_inr_jax.evaluation.neighbour_agreement import measure_neighbour_agreement
from irl_inr_jax.evaluation.pipeline import Evaluation

TRAINING_FREE_CLUSTERER = "orbit_knn"
OF_IMAGES = (BASELINE, TRAINING_FREE_CLUSTERER, "orbit_selflabel")  # these do not read the latents
# The thresholds separate the runs of digits(U) in verdict.py. Trained: 0.99 of the images between halves and between
# seeds; untrained: 0.64 and 0.73.
MIN_STABILITY = 0.8
# Shares of the neighbours by k-means, orbit_knn and pixels: 0.96, 0.98 and 0.00 trained; 0.43, 0.98 and 0.00 untrained.
# On plankton, with spectra instead of z: 0.77, 0.85 and 0.41, with accuracies of 61, 82 and 41 %.
MIN_LEAD = 0.1
MAX_DEFICIT = 0.05


def judge_stability(evaluation: Evaluation) -> list[Finding]:
    """Judge whether k-means of the latents finds the same clusters in two halves of the images and with two seeds.

    Nothing for a single cluster, for more clusters than images in a half, and for z that are not finite.
    """
    k = evaluation.results["num_clusters"]["used"]
    latents = evaluation.task.fitted.latents
    if not 1 < k <= len(latents) // 2 or not np.isfinite(latents).all():
        return []
    halves, seeds = measure_stability(latents, k, seed=evaluation.task.seed)
    text = (
        f"{100 * halves:.0f} % of the images are in the same of {k} clusters of z if two halves of the images are "
        f"clustered separately, {100 * seeds:.0f} % with two seeds"
    )
    if min(halves, seeds) >= MIN_STABILITY:
        return [Finding("stability", True, f"clusters: stable, {text}")]
    is_chosen = evaluation.results["num_clusters"]["source"] == "chosen"
    advice = f"choose another number with --num-clusters {'K' if is_chosen else 'auto'}"
    return [Finding("stability", False, f"clusters: not stable, {text}; {advice}")]


def judge_comparison(evaluation: Evaluation, *, is_trained: bool) -> list[Finding]:
    """Judge the best clusterer of the latents against k-means on pixels and against the training-free clusterer.

    is_trained: False for a training-free method, for which training is no remedy.
    """
    shares = measure_neighbour_agreement(evaluation.task, evaluation.comparison.clusterings)
    of_latents = [name for name in shares if name not in OF_IMAGES]
    if not of_latents:
        return []
    best = max(of_latents, key=lambda name: shares[name])
    longer = "; train longer (--config.train.num_epochs)" if is_trained else ""
    findings = []
    if BASELINE in shares:
        good = shares[best] >= shares[BASELINE] + MIN_LEAD
        text = f"{'better' if good else 'no better'} than pixels: {describe_pair(evaluation, shares, best, BASELINE)}"
        findings.append(Finding("pixels", good, text if good else f"{text}{longer}"))
    if TRAINING_FREE_CLUSTERER not in shares:
        text = f"not compared with the training-free baseline: add {TRAINING_FREE_CLUSTERER} to --clusterers"
        return [*findings, Finding("training_free", None, text)]
    good = shares[best] >= shares[TRAINING_FREE_CLUSTERER] - MAX_DEFICIT
    words = "as good as" if good else "worse than"
    pair = describe_pair(evaluation, shares, best, TRAINING_FREE_CLUSTERER)
    text = f"{words} the training-free baseline: {pair}"
    if not good:
        text += f"; use the clusters of {TRAINING_FREE_CLUSTERER}{longer.replace(';', ', or')}"
    return [*findings, Finding("training_free", good, text)]


def describe_pair(evaluation: Evaluation, shares: dict[str, float], first: str, second: str) -> str:
    """Return the shares of two clusterers in words, and with labels their accuracies."""
    text = (
        f"an image is in one cluster with its nearest images under all rotations in {100 * shares[first]:.0f} % of the "
        f"cases by {first} and in {100 * shares[second]:.0f} % by {second}, chance deducted"
    )
    scores = evaluation.results["clustering"]
    if "accuracy" in scores[first]:
        text += f" (accuracy {100 * scores[first]['accuracy']:.1f} % and {100 * scores[second]['accuracy']:.1f} %)"
    return text
