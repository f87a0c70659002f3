"""Plots of a model return matplotlib axes."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from irl_inr_jax.deployment.applied_model import AppliedModel
from irl_inr_jax.report.figures.axes_drawing import draw_captioned_images, draw_image_rows
from irl_inr_jax.report.figures.model_plots import plot_clusters, plot_embedding, plot_outliers, plot_reconstructions
from irl_inr_jax.types import InputError
from tests.small_model import make_small_images, make_small_model

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_clusters_are_rows_named_with_their_share():
    axes = plot_clusters(make_small_model(), "kmeans", num_shown=4, ax=None)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    clusters = make_small_model().reference.clusters["kmeans"]
    sizes = np.bincount(clusters)
    expected = [f"{'ring <&>' if n == 1 else f'cluster {n}'}  {100 * sizes[n] / 40:.0f} %" for n in np.argsort(-sizes)]
    assert sorted(labels) == sorted(expected) and "upright" in axes.get_title()


def test_given_axes_are_drawn_into_and_returned():
    _, axes = plt.subplots()
    assert plot_outliers(make_small_model(), "kmeans", count=5, ax=axes) is axes
    scores = make_small_model().reference.outliers[make_small_model().reference.image_rows]
    captions = [float(text.get_text().split(",")[0]) for text in axes.texts]
    np.testing.assert_allclose(captions, np.sort(scores)[::-1][:5], atol=0.01)


def test_the_map_has_a_point_for_each_known_image():
    axes = plot_embedding(make_small_model(), "agglomerative", ax=None)
    assert sum(len(points.get_offsets()) for points in axes.collections) == 40
    assert "noise" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_reconstructions_are_drawn_below_the_images():
    axes = plot_reconstructions(AppliedModel(make_small_model(), make_small_images()[:3]), ax=None)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["image", "reconstruction", "image, upright", "canonical image"] and isinstance(axes, Axes)


def test_rows_of_different_lengths_and_single_images_are_drawn():
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    picture = draw_image_rows([images, images[:1]], ["a", "b"], "title", None).images[0].get_array()
    assert (np.asarray(picture)[-1, -1] == 255).all()
    assert len(draw_captioned_images(images[:1], ["one"], "title", None, num_columns=8).texts) == 1


def test_a_clusterer_without_clusters_is_refused():
    with pytest.raises(InputError, match="found 'gmm'"):
        plot_clusters(make_small_model(), "gmm", num_shown=3, ax=None)
