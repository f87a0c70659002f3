import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.report.figures.classes import choose_colours, name_classes
from irl_inr_jax.report.figures.latent_map import save_latent_map


def read(path):
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def num_of_colour(pixels, number):
    return np.sum((pixels == np.round(255 * choose_colours(20)[number])).all(axis=-1))


def panels(path):
    """The two squares with the points, without the legends."""
    pixels = read(path)
    return pixels[95:534, 25:464], pixels[95:534, 489:928]


POINTS = np.random.default_rng(0).normal(size=(60, 2))
LABELS = np.repeat([0, 1, 2], 20)


def test_clusters_have_the_colours_of_their_classes_whatever_their_numbers(tmp_path):
    save_latent_map(tmp_path / "a.png", POINTS, np.array([2, 0, 1])[LABELS], LABELS, ("a", "b", "c"))
    by_class, by_cluster = panels(tmp_path / "a.png")
    np.testing.assert_array_equal(by_class, by_cluster)


def test_only_a_wrongly_clustered_image_differs_between_the_panels(tmp_path):
    clusters = LABELS.copy()
    clusters[5] = 2
    save_latent_map(tmp_path / "a.png", POINTS, clusters, LABELS, ())
    by_class, by_cluster = panels(tmp_path / "a.png")
    rows, columns = np.nonzero((by_class != by_cluster).any(axis=-1))
    assert 4 < len(rows) and np.ptp(rows) < 12 and np.ptp(columns) < 12


def test_surplus_clusters_take_colours_of_their_own(tmp_path):
    clusters = LABELS.copy()
    clusters[45:] = 3
    save_latent_map(tmp_path / "a.png", POINTS, clusters, LABELS, ())
    by_class, by_cluster = panels(tmp_path / "a.png")
    assert num_of_colour(by_class, 3) == 0 < num_of_colour(by_cluster, 3)


def test_points_are_drawn_where_they_lie(tmp_path):
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    save_latent_map(tmp_path / "a.png", points, np.array([0, 1]), None, ())
    pixels = read(tmp_path / "a.png")[95:534, 25:464]
    low, high = (np.argwhere((pixels == np.round(255 * choose_colours(2)[i])).all(-1)).mean(0) for i in range(2))
    assert low[0] > 400 > 40 > high[0] and low[1] < 40 < 400 < high[1]


@pytest.mark.parametrize("num_clusters", [1, 20, 57])
def test_one_panel_without_labels_for_any_number_of_clusters(tmp_path, num_clusters):
    save_latent_map(tmp_path / "a.png", POINTS, np.arange(60) % num_clusters, None, ())
    assert read(tmp_path / "a.png").shape[1] == 488


def test_one_image(tmp_path):
    save_latent_map(tmp_path / "a.png", np.zeros((1, 2)), np.zeros(1, int), np.zeros(1, int), ("only",))
    assert num_of_colour(read(tmp_path / "a.png"), 0) > 10


def test_twenty_colours_differ_visibly_and_then_repeat():
    colours = choose_colours(21)
    distances = np.linalg.norm(colours[:20, None] - colours[None, :20], axis=-1) + np.eye(20)
    assert distances.min() > 0.15
    np.testing.assert_array_equal(colours[20], colours[0])


def test_names_are_cut_and_classes_without_name_are_numbered():
    names = name_classes(["short", "a name of more than twenty-two letters"], 3)
    assert names == ["short", "a name of more than t…", "2"]


def test_noise_is_grey_and_named_with_labels_and_without(tmp_path):
    clusters = np.where(np.arange(60) < 7, -1, LABELS)
    grey = np.array([204, 204, 204])
    for name, labels in (("with", LABELS), ("without", None)):
        save_latent_map(tmp_path / f"{name}.png", POINTS, clusters, labels, ())
        save_latent_map(tmp_path / f"{name}_noiseless.png", POINTS, LABELS, labels, ())
        found, before = (
            np.sum((read(tmp_path / f"{kind}.png")[95:534] == grey).all(axis=-1))
            for kind in (name, f"{name}_noiseless")
        )
        assert found - before > 7 * 20
