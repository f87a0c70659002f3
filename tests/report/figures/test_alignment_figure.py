"""The means of clusters before and after alignment."""

import numpy as np
import pytest

from irl_inr_jax.evaluation.alignment import ClusterMeans
from irl_inr_jax.report.figures.alignment_figure import save_alignment
from irl_inr_jax.types import Scaling


def make_means(counts):
    shape = (len(counts), 8, 8, 1)
    before, after = np.zeros(shape), np.zeros(shape)
    before[:], after[:, 2:6, 2:6] = 10.0, 40.0
    return ClusterMeans(before, after, np.zeros((len(counts), 1)), np.array(counts), (0.2, 0.9))


def test_clusters_with_images_are_shown_largest_first(figures):
    save_alignment("unused", make_means([3, 0, 9]), Scaling(1 / 255, 0.0, 0.0, ""), "kmeans on lots")
    texts = [text.get_text() for text in figures[-1].texts]
    assert [text for text in texts if text.startswith("cluster ")] == ["cluster 2", "cluster 0"]
    assert "Mean image of each cluster before and after alignment: kmeans on lots" in texts
    assert "20 % before, 90 % after" in texts[1] and "images: 12" in texts[1]


def test_both_means_of_a_cluster_share_one_scale_and_bright_backgrounds_stay_bright(render):
    means = make_means([4])
    dark = render(save_alignment, means, Scaling(1 / 255, 0.0, 0.0, ""), "x")
    # A few pixels of letters have such values too.
    assert np.sum((dark == 64).all(-1)) == pytest.approx(80 * 80, rel=0.02)
    assert np.sum((dark == 0).all(-1)) == pytest.approx(80 * 80 * 48 / 64, rel=0.02)
    negative = means._replace(before=-means.before, after=-means.after)
    bright = render(save_alignment, negative, Scaling(-1 / 255, 1.0, 0.0, ""), "x")
    assert np.sum((bright == 191).all(-1)) == pytest.approx(80 * 80, rel=0.02)
