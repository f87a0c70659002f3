import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from irl_inr_jax.metrics.clustering_scores import NOISE, confusion_matrix
from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.cluster_figures import save_cluster_grids, save_confusion


@pytest.fixture
def written(monkeypatch):
    """What is written on the figures: every string that the figure saved last holds."""
    texts = []
    save = canvas.save_png

    def save_and_note(figure, path):
        found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
        texts[:] = [artist.get_text() for artist in found if artist.get_text()]
        save(figure, path)

    monkeypatch.setattr(canvas, "save_png", save_and_note)
    return texts


def read(path):
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def num_pixels(pixels, colour):
    return np.sum((pixels == colour).all(axis=-1))


def darkest_blue():
    return [round(255 * value) for value in colormaps["Blues"](1.0)[:3]]


def test_confusion_counts_names_and_share_are_written(tmp_path, written):
    matrix = np.array([[7, 2, 1], [0, 3, 17]])
    save_confusion(tmp_path / "a.png", matrix, ("six", "nine"))
    assert {"7", "2", "1", "0", "3", "17", "six", "nine", "extra 1"} <= set(written)
    assert "33.3 % on the diagonal · images: 30 · colour: share of the row" in written
    assert read(tmp_path / "a.png").shape[0] > 150


def test_confusion_colour_is_the_share_of_the_row_whatever_its_size(tmp_path, written):
    save_confusion(tmp_path / "large.png", np.array([[900, 0], [0, 900]]), ())
    save_confusion(tmp_path / "small.png", np.array([[900, 0], [0, 1]]), ())
    save_confusion(tmp_path / "half.png", np.array([[450, 450], [0, 1]]), ())
    # "1" takes less ink than "900", so the counts of dark pixels agree only nearly.
    large, small, half = (num_pixels(read(tmp_path / f"{n}.png"), darkest_blue()) for n in ("large", "small", "half"))
    assert large == pytest.approx(2 * 46 * 46, rel=0.15)
    assert small == pytest.approx(large, rel=0.1)
    assert half == pytest.approx(large / 2, rel=0.15)


@pytest.mark.parametrize("num_classes, num_columns", [(1, 1), (9, 9), (10, 14), (14, 14), (40, 40), (2, 90)])
def test_confusion_of_any_size_stays_a_page(tmp_path, num_classes, num_columns):
    matrix = np.arange(num_classes * num_columns).reshape(num_classes, num_columns)
    save_confusion(tmp_path / "a.png", matrix, ["a class with a name that is much too long"] * num_classes)
    height, width, _ = read(tmp_path / "a.png").shape
    assert 100 < height < 1200 and 200 < width < 1300


def test_confusion_with_a_class_without_images(tmp_path):
    save_confusion(tmp_path / "a.png", np.zeros((3, 3), int), ())
    assert num_pixels(read(tmp_path / "a.png"), darkest_blue()) == 0


def test_confusion_heads_the_last_column_noise_only_where_there_is_noise(tmp_path, written):
    labels, clusters = np.array([0, 0, 1, 1]), np.array([0, 2, 1, NOISE])
    matrix = confusion_matrix(labels, clusters, 2)
    save_confusion(tmp_path / "a.png", matrix, ("six", "nine"), has_noise=True)
    assert {"extra 1", "noise"} <= set(written) and "extra 2" not in written
    save_confusion(tmp_path / "a.png", matrix[:, :-1], ("six", "nine"))
    assert "noise" not in written


def test_grids_are_headed_by_size_and_majority_class_largest_first(tmp_path, written):
    clusters = np.array([4, 4, 4, 0, 0, 2])
    labels = np.array([1, 1, 0, 0, 0, 1])
    save_cluster_grids(tmp_path / "a.png", np.zeros((6, 8, 8, 1)), clusters, labels, ("six", "nine"))
    heads = [text for text in written if text.startswith("cluster ")]
    assert heads == ["cluster 4 · 3", "cluster 0 · 2", "cluster 2 · 1"]
    assert [text for text in written if " are " in text] == ["67 % are nine", "100 % are six", "100 % are nine"]


def test_noise_is_the_last_grid_however_much_of_it_there_is(tmp_path, written):
    clusters = np.array([NOISE, NOISE, NOISE, 0, 1, 1])
    save_cluster_grids(tmp_path / "a.png", np.zeros((6, 8, 8, 1)), clusters, np.zeros(6, int), ())
    assert [text for text in written if text.startswith(("cluster ", "noise "))] == [
        "cluster 1 · 2",
        "cluster 0 · 1",
        "noise · 3",
    ]
    assert "images: 6 · clusters: 2 · in no cluster: 3 · each grid: up to 64 at random" in written
    save_cluster_grids(tmp_path / "a.png", np.zeros((6, 8, 8, 1)), np.full(6, NOISE), None, ())
    assert "noise · 6" in written


def test_a_grid_shows_images_of_its_cluster_alone_and_each_at_most_once(tmp_path):
    # Cluster 0 is red, cluster 1 (70 images, 64 of which fit) green; cells are 32 pixels.
    images = np.zeros((73, 8, 8, 3))
    images[:3] = [1, 0, 0]
    images[3:] = [0, 1, 0]
    clusters = np.repeat([0, 1], [3, 70]).astype(np.int32)
    save_cluster_grids(tmp_path / "a.png", images, clusters, None, ())
    pixels = read(tmp_path / "a.png")
    assert num_pixels(pixels, [255, 0, 0]) == 3 * 32 * 32
    assert num_pixels(pixels, [0, 255, 0]) == 64 * 32 * 32
    red_columns = np.nonzero((pixels == [255, 0, 0]).all(axis=-1))[1]
    assert red_columns.min() > np.nonzero((pixels == [0, 255, 0]).all(axis=-1))[1].max()


def test_the_seed_chooses_the_sample(tmp_path):
    images = np.random.default_rng(0).random((200, 4, 4, 1))
    clusters = np.zeros(200, int)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        save_cluster_grids(tmp_path / name, images, clusters, None, (), seed=seed)
    a, b, c = (read(tmp_path / name) for name in "abc")
    assert (a == b).all() and (a != c).any()


def test_past_thirty_clusters_the_title_says_which_are_shown(tmp_path, written):
    clusters = np.repeat(np.arange(35), np.arange(1, 36))
    save_cluster_grids(tmp_path / "a.png", np.zeros((len(clusters), 4, 4, 1)), clusters, None, ())
    assert "Images of the 30 largest of 35 clusters" in written
    heads = [text for text in written if text.startswith("cluster ")]
    assert len(heads) == 30 and heads[0] == "cluster 34 · 35" and heads[-1] == "cluster 5 · 6"
    clusters[0] = NOISE
    save_cluster_grids(tmp_path / "a.png", np.zeros((len(clusters), 4, 4, 1)), clusters, None, ())
    assert "Images of the 30 largest of 34 clusters" in written and "noise · 1" in written


def test_one_image(tmp_path, written):
    save_cluster_grids(tmp_path / "a.png", np.zeros((1, 28, 28, 1)), np.zeros(1, int), np.zeros(1, int), ())
    assert "Images of each cluster" in written
    assert num_pixels(read(tmp_path / "a.png"), [0, 0, 0]) == 28 * 28
