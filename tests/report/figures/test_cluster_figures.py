"""Confusion matrices and grids of cluster images."""

from functools import partial

import numpy as np
import pytest
from matplotlib import colormaps

from irl_inr_jax.metrics.clustering_scores import NOISE, confusion_matrix
from irl_inr_jax.report.figures import canvas, cluster_figures

save_confusion = partial(cluster_figures.save_confusion, name="kmeans on lots")


def save_cluster_grids(path, images, clusters, labels, class_names, *, confidence=None, is_upright=False):
    """Grids of images that are all equally typical, unless `confidence` is given."""
    confidence = np.ones(len(clusters)) if confidence is None else confidence
    options = {"confidence": confidence, "is_upright": is_upright, "name": "kmeans on lots", "cluster_names": {}}
    cluster_figures.save_cluster_grids(path, images, clusters, labels, class_names, **options)


@pytest.fixture
def written(figures):
    """written(): all strings of the latest figure."""
    return lambda: [
        artist.get_text()
        for artist in figures[-1].findobj(lambda artist: hasattr(artist, "get_text"))
        if artist.get_text()
    ]


def num_pixels(pixels, colour):
    return np.sum((pixels == colour).all(axis=-1))


def darkest_blue():
    return [round(255 * value) for value in colormaps["Blues"](1.0)[:3]]


def test_confusion_counts_names_and_accuracy_are_written(written):
    matrix = np.array([[7, 2, 1], [0, 3, 17]])
    save_confusion("unused", matrix, ("six", "nine"))
    assert {"7", "2", "1", "0", "3", "17", "six", "nine", "extra 1"} <= set(written())
    assert "33.3 % on the diagonal · images: 30 · colour: share of the row" in written()


def test_confusion_colour_is_the_share_of_the_row_for_any_row_sum(render):
    matrices = ([[900, 0], [0, 900]], [[900, 0], [0, 1]], [[450, 450], [0, 1]])
    # "1" covers fewer pixels than "900", so the counts of dark pixels agree only approximately.
    large, small, half = (
        num_pixels(render(save_confusion, np.array(matrix), ()), darkest_blue()) for matrix in matrices
    )
    assert large == pytest.approx(2 * 46 * 46, rel=0.15)
    assert small == pytest.approx(large, rel=0.1)
    assert half == pytest.approx(large / 2, rel=0.15)


def test_confusion_of_any_size_fits_a_page(figures):
    for num_classes, num_columns in ((1, 1), (9, 9), (10, 14), (40, 40), (2, 90)):
        matrix = np.arange(num_classes * num_columns).reshape(num_classes, num_columns)
        save_confusion("unused", matrix, ["a class with a name that is much too long"] * num_classes)
        width, height = figures[-1].get_size_inches() * canvas.DPI
        assert 100 < height < 1200 and 200 < width < 1300


def test_confusion_of_thousands_of_classes_shows_the_largest_and_reports_it(written):
    counts = np.arange(1, 3001)
    save_confusion("unused", np.diag(counts), [f"kind {number}" for number in counts])
    texts = written()
    assert "kind 3000" in texts and "kind 2941" in texts and "kind 2940" not in texts
    assert any(text.startswith("100.0 % on the diagonal") and "60 largest of 3,000 classes" in text for text in texts)


@pytest.mark.parametrize("name", ["$x", "$x_", "a$b$c", "\\frac{", "caf\udce9", "<b>&amp;"])
def test_names_of_classes_are_drawn_as_they_are(tmp_path, name):
    path = tmp_path / "confusion.png"
    cluster_figures.save_confusion(path, np.eye(2, dtype=int), (name, "other"), name=name)
    assert path.stat().st_size > 1000


def test_confusion_with_a_class_without_images(render):
    assert num_pixels(render(save_confusion, np.zeros((3, 3), int), ()), darkest_blue()) == 0


def test_confusion_has_a_noise_column_only_if_there_is_noise(written):
    labels, clusters = np.array([0, 0, 1, 1]), np.array([0, 2, 1, NOISE])
    matrix = confusion_matrix(labels, clusters, 2)
    save_confusion("unused", matrix, ("six", "nine"), has_noise=True)
    assert {"extra 1", "noise"} <= set(written()) and "extra 2" not in written()
    save_confusion("unused", matrix[:, :-1], ("six", "nine"))
    assert "noise" not in written()


def test_grids_are_headed_by_size_and_majority_class_largest_first(written):
    clusters = np.array([4, 4, 4, 0, 0, 2])
    labels = np.array([1, 1, 0, 0, 0, 1])
    save_cluster_grids("unused", np.zeros((6, 8, 8, 1)), clusters, labels, ("six", "nine"))
    headings = [text for text in written() if text.startswith("cluster ")]
    assert headings == ["cluster 4 · 3", "cluster 0 · 2", "cluster 2 · 1"]
    assert [text for text in written() if " % " in text] == [
        "67 % of class nine",
        "100 % of class six",
        "100 % of class nine",
    ]


def test_noise_is_the_last_grid_for_any_amount_of_noise(written):
    clusters = np.array([NOISE, NOISE, NOISE, 0, 1, 1])
    save_cluster_grids("unused", np.zeros((6, 8, 8, 1)), clusters, np.zeros(6, int), ())
    assert [text for text in written() if text.startswith(("cluster ", "noise "))] == [
        "cluster 1 · 2",
        "cluster 0 · 1",
        "noise · 3",
    ]
    assert (
        "images: 6 · clusters: 2 · noise: 3 · up to 64 per cluster, from the most to the least confident" in written()
    )
    save_cluster_grids("unused", np.zeros((6, 8, 8, 1)), np.full(6, NOISE), None, ())
    assert "noise · 6" in written()


def test_a_grid_shows_only_images_of_its_cluster_and_each_at_most_once(render):
    # Cluster 0 is red, cluster 1 (70 images, 64 of which fit) green; cells are 32 pixels.
    images = np.zeros((73, 8, 8, 3))
    images[:3] = [1, 0, 0]
    images[3:] = [0, 1, 0]
    clusters = np.repeat([0, 1], [3, 70]).astype(np.int32)
    pixels = render(save_cluster_grids, images, clusters, None, ())
    assert num_pixels(pixels, [255, 0, 0]) == 3 * 32 * 32
    assert num_pixels(pixels, [0, 255, 0]) == 64 * 32 * 32
    red_columns = np.nonzero((pixels == [255, 0, 0]).all(axis=-1))[1]
    assert red_columns.min() > np.nonzero((pixels == [0, 255, 0]).all(axis=-1))[1].max()


def test_a_grid_starts_with_the_most_and_ends_with_the_least_confident_member(render):
    # Brightness is the confidence; 200 images, of which 64 are shown, in cells of 32 pixels with a gap of 1.
    confidence = np.random.default_rng(0).permutation(200) / 199
    images = np.broadcast_to(confidence[:, None, None, None], (200, 4, 4, 1)).astype(np.float32)
    pixels = render(save_cluster_grids, images, np.zeros(200, int), None, (), confidence=confidence)
    top, left = canvas.TITLE_HEIGHT + 22 + 16, canvas.MARGIN + 16
    shown = pixels[top : top + 8 * 33 : 33, left : left + 8 * 33 : 33, 0].ravel()
    assert (np.diff(shown) < 0).all() and shown[0] == 255 and shown[-1] == 0


def test_the_title_names_clusterer_data_and_orientation(written):
    save_cluster_grids("unused", np.zeros((3, 4, 4, 1)), np.zeros(3, int), None, (), is_upright=True)
    assert "Images of each cluster, upright: kmeans on lots" in written()


def test_beyond_thirty_clusters_the_title_names_the_shown_ones(written):
    clusters = np.repeat(np.arange(35), np.arange(1, 36))
    save_cluster_grids("unused", np.zeros((len(clusters), 4, 4, 1)), clusters, None, ())
    assert "Images of the 30 largest of 35 clusters, as taken: kmeans on lots" in written()
    headings = [text for text in written() if text.startswith("cluster ")]
    assert len(headings) == 30 and headings[0] == "cluster 34 · 35" and headings[-1] == "cluster 5 · 6"
    clusters[0] = NOISE
    save_cluster_grids("unused", np.zeros((len(clusters), 4, 4, 1)), clusters, None, ())
    assert "Images of the 30 largest of 34 clusters, as taken: kmeans on lots" in written() and "noise · 1" in written()


def test_one_image(render):
    pixels = render(save_cluster_grids, np.zeros((1, 28, 28, 1)), np.zeros(1, int), np.zeros(1, int), ())
    assert num_pixels(pixels, [0, 0, 0]) == 28 * 28
