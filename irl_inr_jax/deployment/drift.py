"""Drift: whether new images are of the kinds that a model knows, and how their clusters have changed.

Held-out images, which were not trained on, show how novel an image of a known kind looks. Composition is not drift: the
decision compares images within clusters, and the changed sizes of clusters are reported beside it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import chi2_contingency

from irl_inr_jax.deployment.exchange_test import ExchangeTest, compare_images
from irl_inr_jax.deployment.novelty import Familiarity

DEFAULT_RATE = 0.01
OUTSIDE_SHARE = 0.01  # of the held-out images that count as outside the known clusters
MAX_COMPARED = 5_000  # new images that the test compares; of more, a random sample
MIN_HELD_OUT = 20
POWER = 0.95  # at which `detectable` is computed
_Z_POWER = 1.645
STATISTICS = ("the mean of z in clusters", "novelty", "dense groups of similar images")  # of `ExchangeTest`, in order


class MeasuredImages(NamedTuple):
    """latents (n, d), novelty (n, p) of `measure_novelty`, and clusters (n,) by the clusterer that is reported."""

    latents: Float[np.ndarray, "n d"]
    novelty: Float[np.ndarray, "n p"]
    clusters: Int[np.ndarray, "n"]


class ClusterShift(NamedTuple):
    """Change of one cluster from the known to the new images.

    known_share, new_share: of the images. novelty: median of the new images, on average over the measures, in spreads
    of the known images above their median. outside: new images of this cluster that are outside the known clusters.
    """

    cluster: int
    known_share: float
    new_share: float
    novelty: float
    outside: int


class Drift(NamedTuple):
    """Result of the comparison.

    num_new, num_known: images compared. outside_share: of the new images; of the known ones it is `known_share`.
    alarm: whether there is drift, which is false for images like the known ones with probability
    `false_alarm_rate`, if `is_calibrated`. p_value: the smallest rate with an alarm, of one test over all clusters
    and statistics, so that nothing has to be corrected for their number. differs: the statistics that are
    significant by themselves. detectable: about the smallest share of a clearly different kind that would be found
    with a probability of 95 %. sizes_p_value: of equal sizes of the clusters, which are no part of the alarm.
    sentence: the summary.
    """

    num_new: int
    num_known: int
    outside_share: float
    known_share: float
    alarm: bool
    p_value: float
    differs: tuple[str, ...]
    false_alarm_rate: float
    is_calibrated: bool
    detectable: float
    sizes_p_value: float
    clusters: tuple[ClusterShift, ...]
    sentence: str


def join_measured(parts: Sequence[MeasuredImages], *, like: MeasuredImages) -> MeasuredImages:
    """Return all images of the parts. like: the images that they are compared with, for the shapes without parts."""
    parts = parts or [MeasuredImages(like.latents[:0], like.novelty[:0], like.clusters[:0])]
    return MeasuredImages(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def novelty_limits(known: Float[np.ndarray, "h p"]) -> Float[np.ndarray, "p"]:
    """Return the limit of each measure; `OUTSIDE_SHARE` of the known images at most are above one of them."""
    return np.quantile(known, 1 - OUTSIDE_SHARE / known.shape[1], axis=0, method="higher")


def score_novelty(novelty: Float[np.ndarray, "n p"], limits: Float[np.ndarray, "p"]) -> Float[np.ndarray, "n"]:
    """Return one number for each image: 0 for the median of its cluster, and above 1 outside the known clusters.

    It has the four decimals of the table, so that no error of rounding puts the image that sets a limit above it.
    """
    return (novelty / np.maximum(limits, 1e-6)).max(axis=1).round(4)


def find_drift(
    known: MeasuredImages,
    new: MeasuredImages,
    familiarity: Familiarity,
    *,
    rate: float,
    is_calibrated: bool,
    seed: int,
) -> Drift:
    """Compare new images with known ones. is_calibrated: whether the known images were held out of training.

    Of fewer than `MIN_HELD_OUT` known images, or without new ones, nothing follows and there is no alarm.
    """
    limits = novelty_limits(known.novelty)
    is_outside = score_novelty(new.novelty, limits) > 1
    known_share = float((score_novelty(known.novelty, limits) > 1).mean())
    test = ExchangeTest(1.0, 1.0, 1.0, 1.0)
    if len(known.latents) >= MIN_HELD_OUT and len(new.latents):
        test = _test(known, new, familiarity, seed=seed)
    singly = dict(zip(STATISTICS, test[1:], strict=True))
    drift = Drift(
        num_new=len(new.latents),
        num_known=len(known.latents),
        outside_share=float(is_outside.mean()) if len(is_outside) else 0.0,
        known_share=known_share,
        alarm=test.p_value <= rate,
        p_value=test.p_value,
        differs=tuple(name for name, value in singly.items() if value <= rate / len(singly)),
        false_alarm_rate=rate,
        is_calibrated=is_calibrated,
        detectable=smallest_detectable(len(known.latents), min(len(new.latents), MAX_COMPARED)),
        sizes_p_value=_test_sizes(known.clusters, new.clusters),
        clusters=tuple(_compare_clusters(known, new, is_outside)),
        sentence="",
    )
    return drift._replace(sentence=describe_drift(drift))


def smallest_detectable(num_known: int, num_new: int) -> float:
    """Return about the smallest share of images above all but 5 % of the known ones that is found.

    By the normal approximation of the difference of two counts, at `DEFAULT_RATE` and `POWER`; at most 1.
    """
    if num_known < MIN_HELD_OUT or num_new == 0:
        return 1.0
    deviation = math.sqrt(0.05 * 0.95 * (1 / num_known + 1 / num_new))
    return min(1.0, (2.6 + _Z_POWER) * deviation / 0.95)


def describe_drift(drift: Drift) -> str:
    """Return the sentence for the user."""
    if drift.num_new == 0:
        return "no images"
    if drift.num_known < MIN_HELD_OUT:
        return (
            f"drift was not tested: the model has {drift.num_known} held-out images, and {MIN_HELD_OUT} are needed; "
            f"train with --config.train.holdout=0.1 or a test split"
        )
    kind = "held-out images" if drift.is_calibrated else "training images"
    verdict = "drift" if drift.alarm else "no drift"
    sizes = ", though clusters have other sizes" if drift.sizes_p_value <= drift.false_alarm_rate else ""
    sizes = sizes.replace("though", "and") if drift.alarm else sizes
    differs = f"; they differ in {' and in '.join(drift.differs)}" if drift.alarm and drift.differs else ""
    text = (
        f"{verdict}: {_percent(drift.outside_share)} of {drift.num_new:,} images are outside the known clusters, "
        f"{_percent(drift.known_share)} of the {drift.num_known:,} {kind}{sizes}{differs} (p = {drift.p_value:.3f}, "
        f"false-alarm rate {_percent(drift.false_alarm_rate)}; "
        f"of clearly different images, about {_percent(drift.detectable)} would be found)"
    )
    if not drift.is_calibrated:
        text += "; images look more novel than training images even without drift: train with a test split or a holdout"
    return text


def _test(known: MeasuredImages, new: MeasuredImages, familiarity: Familiarity, *, seed: int) -> ExchangeTest:
    rows = np.arange(len(new.latents))
    if len(rows) > MAX_COMPARED:
        rows = np.random.default_rng(seed).choice(len(rows), MAX_COMPARED, replace=False)
    latents = np.concatenate([known.latents, new.latents[rows]])
    novelty = np.concatenate([known.novelty, new.novelty[rows]])
    is_new = np.arange(len(latents)) >= len(known.latents)
    clusters = familiarity.find_clusters(latents)
    features = np.concatenate([latents @ familiarity.whitening, novelty], axis=1)
    # The sum of two measures tells some new kinds better than either.
    scores = novelty if novelty.shape[1] == 1 else np.column_stack([novelty, novelty.sum(axis=1)])
    return compare_images(clusters, features, scores, is_new, seed=seed)


def _test_sizes(known: Int[np.ndarray, "h"], new: Int[np.ndarray, "n"]) -> float:
    numbers = np.union1d(known, new)
    if len(numbers) < 2 or len(known) == 0 or len(new) == 0:
        return 1.0
    counts = np.array([[np.sum(part == number) for number in numbers] for part in (known, new)])
    return float(chi2_contingency(counts).pvalue)


def _compare_clusters(
    known: MeasuredImages, new: MeasuredImages, is_outside: Bool[np.ndarray, "n"]
) -> list[ClusterShift]:
    shifts = []
    for number in np.union1d(known.clusters, new.clusters):
        own = new.clusters == number
        shifts.append(
            ClusterShift(
                cluster=int(number),
                known_share=float(np.mean(known.clusters == number)) if len(known.clusters) else 0.0,
                new_share=float(np.mean(own)) if len(own) else 0.0,
                novelty=float(np.median(new.novelty[own].mean(axis=1))) if own.any() else 0.0,
                outside=int(is_outside[own].sum()),
            )
        )
    return shifts


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"
