"""The map of the latents: colours of classes, clusters and noise."""

from functools import partial

import numpy as np
import pytest

from irl_inr_jax.report.figures import latent_map
from irl_inr_jax.report.figures.classes import choose_colours

save_latent_map = partial(latent_map.save_latent_map, name="kmeans", cluster_names={})


def num_of_colour(pixels, number):
    return np.sum((pixels == np.round(255 * choose_colours(20)[number])).all(axis=-1))


def split_panels(pixels):
    """The two squares with the points, without the legends."""
    return pixels[95:534, 25:464], pixels[95:534, 489:928]


POINTS = np.random.default_rng(0).normal(size=(60, 2))
LABELS = np.repeat([0, 1, 2], 20)


def test_clusters_have_the_colours_of_their_classes_for_any_numbering(render):
    by_class, by_cluster = split_panels(
        render(save_latent_map, POINTS, np.array([2, 0, 1])[LABELS], LABELS, ("a", "b", "c"))
    )
    np.testing.assert_array_equal(by_class, by_cluster)


def test_only_a_wrongly_clustered_image_differs_between_the_panels(render):
    clusters = LABELS.copy()
    clusters[5] = 2
    by_class, by_cluster = split_panels(render(save_latent_map, POINTS, clusters, LABELS, ()))
    rows, columns = np.nonzero((by_class != by_cluster).any(axis=-1))
    assert 4 < len(rows) and np.ptp(rows) < 12 and np.ptp(columns) < 12


def test_surplus_clusters_have_other_colours(render):
    clusters = LABELS.copy()
    clusters[45:] = 3
    by_class, by_cluster = split_panels(render(save_latent_map, POINTS, clusters, LABELS, ()))
    assert num_of_colour(by_class, 3) == 0 < num_of_colour(by_cluster, 3)


def test_points_are_shown_at_their_positions(render):
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    pixels = render(save_latent_map, points, np.array([0, 1]), None, ())[95:534, 25:464]
    low, high = (np.argwhere((pixels == np.round(255 * choose_colours(2)[i])).all(-1)).mean(0) for i in range(2))
    assert low[0] > 400 > 40 > high[0] and low[1] < 40 < 400 < high[1]


def test_one_panel_without_labels_for_any_number_of_clusters(figures):
    for num_clusters in (1, 20, 57):
        save_latent_map("unused", POINTS, np.arange(60) % num_clusters, None, ())
        assert figures[-1].get_size_inches()[0] == pytest.approx(4.88)


def test_one_image(render):
    pixels = render(save_latent_map, np.zeros((1, 2)), np.zeros(1, int), np.zeros(1, int), ("only",))
    assert num_of_colour(pixels, 0) > 10


def test_noise_is_grey_with_labels_and_without(render):
    clusters = np.where(np.arange(60) < 7, -1, LABELS)
    for labels in (LABELS, None):
        num_grey = [
            np.sum((render(save_latent_map, POINTS, ids, labels, ())[95:534] == 204).all(axis=-1))
            for ids in (LABELS, clusters)
        ]
        assert num_grey[1] - num_grey[0] > 7 * 20


def test_the_legend_lists_clusters_in_the_order_of_their_colours(figures):
    clusters = np.array([2, 0, 1])[LABELS]
    clusters[:5] = 3  # a surplus cluster
    save_latent_map("unused", POINTS, clusters, LABELS, ())
    texts = [text.get_text() for text in figures[-1].texts]
    expected = ["cluster 2", "cluster 0", "cluster 1", "cluster 3"]
    assert [text for text in texts if text.startswith("cluster ")] == expected
