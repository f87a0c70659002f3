"""The tree, its colours, its cut and the images below its leaves."""

from functools import partial

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from scipy.cluster.hierarchy import fcluster, linkage

from irl_inr_jax.report.figures import dendrogram_figure
from irl_inr_jax.report.figures.classes import choose_colours

save_dendrogram = partial(dendrogram_figure.save_dendrogram, name="kmeans on lots")


def make_tree(num_images, num_clusters, *, seed=0):
    """Return a Ward tree, its clusters, and images whose grey level identifies them."""
    tree = linkage(np.random.default_rng(seed).normal(size=(num_images, 3)), "ward")
    clusters = fcluster(tree, num_clusters, "maxclust") - 1
    images = np.linspace(0, 0.9, num_images)[:, None, None, None] * np.ones((1, 6, 6, 1))
    return tree, clusters.astype(np.int32), images


@pytest.fixture
def saved(figures, monkeypatch):
    """The figures, and the images given to each column of tiles from left to right."""
    record = {"figures": figures, "columns": []}
    tile = dendrogram_figure.tile_images

    def tile_and_keep(images, **layout):
        record["columns"].append(images)
        return tile(images, **layout)

    monkeypatch.setattr(dendrogram_figure, "tile_images", tile_and_keep)
    return record


def texts(figure):
    return [text.get_text() for text in figure.texts[2:]]


def counts_below_leaves(record):
    return [int(text.replace(",", "")) for text in texts(record["figures"][-1])[: len(record["columns"])]]


def cut_line(axes):
    return next(line for line in axes.lines if line.get_linestyle() != "-").get_ydata()[0]


def stems(axes):
    """(x, lower y, upper y, colour) of every vertical line of the tree."""
    vertical = [line for line in axes.lines if line.get_linestyle() == "-" and np.ptp(line.get_xdata()) == 0]
    return [(line.get_xdata()[0], *line.get_ydata(), to_rgb(line.get_color())) for line in vertical]


def numbers_of(images, num_images):
    return np.round(images[:, 0, 0, 0] / 0.9 * (num_images - 1)).astype(int)


def test_leaves_hold_every_image_once_and_each_column_shows_its_own(saved):
    tree, clusters, images = make_tree(200, 12)
    save_dendrogram("unused", tree, clusters, images, num_leaves=12)
    counts = counts_below_leaves(saved)
    assert len(counts) == 12 and sum(counts) == 200
    # With as many leaves as clusters each leaf is a cluster; their order may differ.
    for count, column in zip(counts, saved["columns"], strict=True):
        shown = clusters[numbers_of(column, 200)]
        assert len(column) == min(count, 5) and len(set(shown)) == 1
        assert count == np.sum(clusters == shown[0])


def test_branches_have_the_colour_of_their_cluster_and_joins_of_clusters_are_grey(saved):
    tree, clusters, images = make_tree(120, 4)
    save_dendrogram("unused", tree, clusters, images, num_leaves=20)
    axes = saved["figures"][-1].axes[0]
    colours = choose_colours(4)
    for x, low, _, colour in stems(axes):
        if low == 0:
            cluster = clusters[numbers_of(saved["columns"][int(x)], 120)][0]
            assert colour == pytest.approx(colours[cluster])
    across = [line for line in axes.lines if line.get_linestyle() == "-" and np.ptp(line.get_ydata()) == 0]
    across = [line for line in across if np.ptp(line.get_xdata()) > 0]
    grey = [len(set(np.round(to_rgb(line.get_color()), 6))) == 1 for line in across]
    above_cut = [line.get_ydata()[0] > cut_line(axes) for line in across]
    assert grey == above_cut and sum(grey) == 3


@pytest.mark.parametrize("num_clusters", [1, 2, 5, 19])
def test_the_cut_crosses_as_many_branches_as_there_are_clusters(saved, num_clusters):
    tree, clusters, images = make_tree(20, num_clusters)
    save_dendrogram("unused", tree, clusters, images, num_leaves=20)
    axes = saved["figures"][-1].axes[0]
    cut = cut_line(axes)
    crossed = sum(low < cut < high for _, low, high, _ in stems(axes))
    assert crossed == (num_clusters if num_clusters > 1 else 0)
    assert cut < axes.get_ylim()[1]


def test_a_leaf_of_several_clusters_is_grey_and_unlabelled(saved):
    tree, clusters, images = make_tree(60, 20)
    save_dendrogram("unused", tree, clusters, images, num_leaves=2)
    names = texts(saved["figures"][-1])[2:]
    assert counts_below_leaves(saved) and names == []
    assert all(len(set(np.round(colour, 6))) == 1 for *_, colour in stems(saved["figures"][-1].axes[0]))


def test_adjacent_leaves_are_labelled_by_their_cluster(saved):
    tree, clusters, images = make_tree(80, 6)
    save_dendrogram("unused", tree, clusters, images)
    names = texts(saved["figures"][-1])[len(saved["columns"]) :]
    assert sorted(names) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("num_images", [1, 2, 3])
def test_very_few_images(saved, num_images):
    latents = np.arange(num_images, dtype=float)[:, None]
    tree = linkage(latents) if num_images > 1 else np.zeros((0, 4))
    save_dendrogram("unused", tree, np.arange(num_images), np.zeros((num_images, 28, 28, 3)))
    assert counts_below_leaves(saved) == [1] * num_images
    assert saved["figures"][-1].get_size_inches()[0] < 8


def test_duplicates_merge_at_zero_height(saved):
    tree = linkage(np.zeros((9, 2)), "ward")
    save_dendrogram("unused", tree, np.zeros(9, int), np.zeros((9, 5, 5, 1)), num_leaves=4)
    assert sum(counts_below_leaves(saved)) == 9
    assert saved["figures"][-1].axes[0].get_ylim() == (0, 1)


def test_noise_is_no_cluster(saved):
    tree, clusters, images = make_tree(40, 3)
    clusters[clusters == 2] = -1
    save_dendrogram("unused", tree, clusters, images)
    assert "cut into 2 clusters" in saved["figures"][-1].texts[0].get_text()
    save_dendrogram("unused", tree, np.full(40, -1), images)
    assert "-1" not in texts(saved["figures"][-1])


def test_a_figure_of_photographs_is_saved_as_a_small_file(tmp_path):
    tree, clusters, _ = make_tree(60, 5)
    images = np.random.default_rng(0).random((60, 32, 32, 3))
    save_dendrogram(tmp_path / "a.png", tree, clusters, images, num_leaves=12)
    assert (tmp_path / "a.png").stat().st_size < 250_000
