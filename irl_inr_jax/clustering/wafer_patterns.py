"""Wafer maps without a pattern, which are most of a fab's, separated before the others are clustered.

The failed dies of such a map are adjacent only by chance. How much they cluster (`pattern_strength`), averaged
over each map and those most similar to it, is a mixture of two groups; maps with many failed dies at random places are
found by their share of failed dies. No label is used.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int
from ml_collections import FrozenConfigDict
from sklearn.mixture import GaussianMixture

from irl_inr_jax.clustering.neighbours.orbit_images import Images
from irl_inr_jax.clustering.orbit_graph import find_orbit_graph, search_settings_of
from irl_inr_jax.clustering.task import Clustering, ClusterTask, Points
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.methods.wafer_features import make_pattern_measures
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.types import InputError, Scaling

NUM_NEIGHBOURS = 20  # maps over which the strength is averaged
LEAST_MAPS = 50
_FAR_OUT = 1.5  # Tukey's fences: quartile ranges above the upper quartile of the shares of failed dies
_STRENGTH, _SHARE = 0, 1


class PatternRule(NamedTuple):
    """The mixture of averaged strengths, and the share of failed dies above which a map has a pattern."""

    mixture: GaussianMixture
    largest_share: float


def separate_patterns(task: ClusterTask, cluster: Callable[[ClusterTask], Clustering]) -> Clustering:
    """Return clusters of which number 0 is the maps without a pattern and `cluster` finds the other k - 1.

    Neighbours are those of `config.orbits`. Confidence is at most the probability of having a pattern, or none, in the
    mixture. Raises InputError for k = 1, for fewer than `LEAST_MAPS` fitted maps, and for fewer maps with a pattern
    than clusters.
    """
    num_maps = len(task.fitted.images)
    if task.num_clusters < 2 or num_maps < LEAST_MAPS:
        raise InputError(
            f"clustering.consensus.without_pattern: expected 2 or more clusters of {LEAST_MAPS} or more maps, found "
            f"{task.num_clusters} of {num_maps}; set it to False or give more"
        )
    fitted, assigned = find_pattern_probabilities(task)
    rows, others = np.flatnonzero(fitted > 0.5), np.flatnonzero(assigned > 0.5)
    if len(rows) < task.num_clusters:
        raise InputError(
            f"expected at least {task.num_clusters} maps with a pattern, found {len(rows)} of {num_maps}; "
            f"set fewer clusters or clustering.consensus.without_pattern=False"
        )
    clusters = np.zeros(len(assigned), np.int32)
    confidence = np.maximum(assigned, 1 - assigned).astype(np.float32)
    note = f"cluster 0: the {100 * np.mean(assigned <= 0.5):.1f} % of the maps that have no pattern"
    if not len(others):
        return Clustering(clusters, confidence, task.transductive, notes=(note,))
    patterns = Points(task.fitted.latents[rows], task.fitted.images[rows])
    same = patterns if task.transductive else Points(task.assigned.latents[others], task.assigned.images[others])
    found = cluster(dataclasses.replace(task, fitted=patterns, assigned=same, num_clusters=task.num_clusters - 1))
    clusters[others] = np.where(found.clusters >= 0, found.clusters + 1, found.clusters)
    confidence[others] = np.minimum(confidence[others], found.confidence)
    return Clustering(clusters, confidence, task.transductive, notes=(note, *found.notes), measures=found.measures)


def find_pattern_probabilities(
    task: ClusterTask,
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "m"]]:
    """Compute the probability of a pattern for each fitted and each assigned map."""
    graph = find_orbit_graph(task, NUM_NEIGHBOURS)
    measures = measure_maps(task, task.fitted.images)
    averaged = average_strengths(measures[:, _STRENGTH], measures[:, _STRENGTH], graph.fitted[:, :NUM_NEIGHBOURS])
    rule = fit_rule(averaged, measures[:, _SHARE])
    probabilities = apply_rule(rule, averaged, measures[:, _SHARE])
    if task.transductive:
        return probabilities, probabilities
    own = measure_maps(task, task.assigned.images, least=float(measures[:, _STRENGTH].min()))
    others = average_strengths(own[:, _STRENGTH], measures[:, _STRENGTH], graph.assigned[:, :NUM_NEIGHBOURS])
    return probabilities, apply_rule(rule, others, own[:, _SHARE])


def measure_maps(task: ClusterTask, images: Images, *, least: float | None = None) -> Float32[np.ndarray, "n 2"]:
    """Compute strength and share of failed dies of stored images.

    A strength of -inf becomes `least`, by default the least finite one.
    """
    settings = search_settings_of(task)
    measure = _compile_measures(settings.scaling, settings.wafers)
    measures = np.array(map_batches(measure, (), images, size=settings.batch_size))
    finite = np.isfinite(measures[:, _STRENGTH])
    if least is None:
        least = float(measures[finite, _STRENGTH].min()) if finite.any() else 0.0
    measures[~finite, _STRENGTH] = least
    return measures


@functools.lru_cache(maxsize=8)
def _compile_measures(scaling: Scaling, wafers: FrozenConfigDict) -> Callable[..., Float[Array, "b 2"]]:
    measure = make_pattern_measures(wafers)
    return jax.jit(lambda _, stored: measure(to_unit(scaling, stored)))


def average_strengths(
    own: Float[np.ndarray, "m"], fitted: Float[np.ndarray, "n"], neighbours: Int[np.ndarray, "m q"]
) -> Float[np.ndarray, "m"]:
    """Compute the mean of the strengths of each map and of its neighbours among the fitted ones."""
    return (own.astype(np.float64) + fitted[neighbours].sum(axis=1, dtype=np.float64)) / (1 + neighbours.shape[1])


def fit_rule(averaged: Float[np.ndarray, "n"], shares: Float[np.ndarray, "n"]) -> PatternRule:
    """Fit the mixture of two normal distributions, and find the largest share that is usual without a pattern."""
    mixture = GaussianMixture(2, random_state=0).fit(averaged[:, None])
    usual = shares[~_is_above(mixture, averaged)]
    lower, upper = np.quantile(usual if len(usual) else shares, [0.25, 0.75])
    return PatternRule(mixture, float(upper + _FAR_OUT * (upper - lower)))


def apply_rule(
    rule: PatternRule, averaged: Float[np.ndarray, "m"], shares: Float[np.ndarray, "m"]
) -> Float[np.ndarray, "m"]:
    """Compute the probability of a pattern, 1 above the largest usual share; it increases with the strength."""
    means = rule.mixture.means_.ravel()
    # Of two normal distributions the wider one is also more likely far on the other side.
    bounded = np.clip(averaged, means.min(), means.max())
    probabilities = rule.mixture.predict_proba(bounded[:, None])[:, int(means.argmax())]
    return np.where(shares > rule.largest_share, 1.0, probabilities)


def _is_above(mixture: GaussianMixture, averaged: Float[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
    return apply_rule(PatternRule(mixture, np.inf), averaged, np.zeros(len(averaged))) > 0.5
