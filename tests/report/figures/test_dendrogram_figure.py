import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage

from irl_inr_jax.report.figures import canvas, dendrogram_figure
from irl_inr_jax.report.figures.classes import choose_colours
from irl_inr_jax.report.figures.dendrogram_figure import save_dendrogram


def make_tree(num_images, num_clusters, *, seed=0):
    """A Ward tree, its clusters, and images whose grey level is their number, so that each is known by its pixels."""
    tree = linkage(np.random.default_rng(seed).normal(size=(num_images, 3)), "ward")
    clusters = fcluster(tree, num_clusters, "maxclust") - 1
    images = np.linspace(0, 0.9, num_images)[:, None, None, None] * np.ones((1, 6, 6, 1))
    return tree, clusters.astype(np.int32), images


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn: figures, and the images given to each column of tiles from left to right."""
    record = {"figures": [], "columns": []}
    save, tile = canvas.save_png, dendrogram_figure.tile_images

    def save_and_keep(figure, path):
        record["figures"].append(figure)
        save(figure, path)

    def tile_and_keep(images, **layout):
        record["columns"].append(images)
        return tile(images, **layout)

    monkeypatch.setattr(canvas, "save_png", save_and_keep)
    monkeypatch.setattr(dendrogram_figure, "tile_images", tile_and_keep)
    return record


def texts(figure):
    return [text.get_text() for text in figure.texts[2:]]


def counts_below_leaves(record):
    return [int(text.replace(",", "")) for text in texts(record["figures"][-1])[: len(record["columns"])]]


def cut_line(axes):
    return next(line for line in axes.lines if line.get_linestyle() != "-").get_ydata()[0]


def stems(axes):
    """(x, lower y, upper y, colour) of every upright line of the tree."""
    upright = [line for line in axes.lines if line.get_linestyle() == "-" and np.ptp(line.get_xdata()) == 0]
    return [(line.get_xdata()[0], *line.get_ydata(), to_rgb(line.get_color())) for line in upright]


def numbers_of(images, num_images):
    return np.round(images[:, 0, 0, 0] / 0.9 * (num_images - 1)).astype(int)


def test_leaves_hold_every_image_once_and_each_column_shows_its_own(tmp_path, drawn):
    tree, clusters, images = make_tree(200, 12)
    save_dendrogram(tmp_path / "a.png", tree, clusters, images, num_leaves=12)
    counts = counts_below_leaves(drawn)
    assert len(counts) == 12 and sum(counts) == 200
    # With as many leaves as clusters a leaf is a cluster, whatever the order of the leaves.
    for count, column in zip(counts, drawn["columns"], strict=True):
        shown = clusters[numbers_of(column, 200)]
        assert len(column) == min(count, 5) and len(set(shown)) == 1
        assert count == np.sum(clusters == shown[0])


def test_a_stem_has_the_colour_of_the_cluster_below_it_and_what_joins_clusters_has_none(tmp_path, drawn):
    tree, clusters, images = make_tree(120, 4)
    save_dendrogram(tmp_path / "a.png", tree, clusters, images, num_leaves=20)
    axes = drawn["figures"][-1].axes[0]
    colours = choose_colours(4)
    for x, low, _, colour in stems(axes):
        if low == 0:
            cluster = clusters[numbers_of(drawn["columns"][int(x)], 120)][0]
            assert colour == pytest.approx(colours[cluster])
    across = [line for line in axes.lines if line.get_linestyle() == "-" and np.ptp(line.get_ydata()) == 0]
    across = [line for line in across if np.ptp(line.get_xdata()) > 0]
    grey = [len(set(np.round(to_rgb(line.get_color()), 6))) == 1 for line in across]
    above_cut = [line.get_ydata()[0] > cut_line(axes) for line in across]
    assert grey == above_cut and sum(grey) == 3


@pytest.mark.parametrize("num_clusters", [1, 2, 5, 29])
def test_the_dashed_line_crosses_as_many_stems_as_there_are_clusters(tmp_path, drawn, num_clusters):
    tree, clusters, images = make_tree(30, num_clusters)
    save_dendrogram(tmp_path / "a.png", tree, clusters, images, num_leaves=30)
    axes = drawn["figures"][-1].axes[0]
    cut = cut_line(axes)
    crossed = sum(low < cut < high for _, low, high, _ in stems(axes))
    assert crossed == (num_clusters if num_clusters > 1 else 0)
    assert cut < axes.get_ylim()[1]


def test_a_leaf_of_several_clusters_is_grey_and_unnamed(tmp_path, drawn):
    tree, clusters, images = make_tree(60, 20)
    save_dendrogram(tmp_path / "a.png", tree, clusters, images, num_leaves=2)
    names = texts(drawn["figures"][-1])[2:]
    assert counts_below_leaves(drawn) and names == []
    assert all(len(set(np.round(colour, 6))) == 1 for *_, colour in stems(drawn["figures"][-1].axes[0]))


def test_runs_of_leaves_are_named_by_their_cluster(tmp_path, drawn):
    tree, clusters, images = make_tree(80, 6)
    save_dendrogram(tmp_path / "a.png", tree, clusters, images)
    names = texts(drawn["figures"][-1])[len(drawn["columns"]) :]
    assert sorted(names) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("num_images", [1, 2, 3])
def test_very_few_images(tmp_path, drawn, num_images):
    latents = np.arange(num_images, dtype=float)[:, None]
    tree = linkage(latents) if num_images > 1 else np.zeros((0, 4))
    save_dendrogram(tmp_path / "a.png", tree, np.arange(num_images), np.zeros((num_images, 28, 28, 3)))
    assert counts_below_leaves(drawn) == [1] * num_images
    assert Image.open(tmp_path / "a.png").size[0] < 800


def test_duplicates_merge_at_zero_height(tmp_path, drawn):
    tree = linkage(np.zeros((9, 2)), "ward")
    save_dendrogram(tmp_path / "a.png", tree, np.zeros(9, int), np.zeros((9, 5, 5, 1)), num_leaves=4)
    assert sum(counts_below_leaves(drawn)) == 9
    assert drawn["figures"][-1].axes[0].get_ylim() == (0, 1)


def test_noise_is_no_cluster(tmp_path, drawn):
    tree, clusters, images = make_tree(40, 3)
    clusters[clusters == 2] = -1
    save_dendrogram(tmp_path / "a.png", tree, clusters, images)
    assert "cut into 2" in drawn["figures"][-1].texts[0].get_text()
    save_dendrogram(tmp_path / "b.png", tree, np.full(40, -1), images)
    assert "-1" not in texts(drawn["figures"][-1])


def test_photographs_give_a_file_that_can_be_sent(tmp_path):
    tree, clusters, _ = make_tree(400, 10)
    images = np.random.default_rng(0).random((400, 32, 32, 3))
    save_dendrogram(tmp_path / "a.png", tree, clusters, images, num_leaves=40)
    assert (tmp_path / "a.png").stat().st_size < 250_000
