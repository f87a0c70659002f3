"""The nearest images under all rotations, and their rotation to match the query."""

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.clustering.neighbours.image_neighbours import make_search_settings
from irl_inr_jax.config import base
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.evaluation.similar_images import find_similar, match_query, prepare_file
from irl_inr_jax.types import InputError, Scaling
from tests.evaluated_run import make_blob_images

SIDE = 24


def make_settings(**orbits):
    config = base.get_config()
    config.orbits.update(num_angles=24, num_radii=8, **orbits)
    return make_search_settings(
        Scaling(1 / 255, 0.0, 0.0, ""), orbits=config.orbits, wafers=config.wafers, fill=0.0, batch_size=16
    )


@pytest.fixture(scope="module")
def images():
    """Noise, and three copies of one object: rows 3 and 5 rotated by 60 and -90 degrees and shifted, 7 as it is."""
    rng = np.random.default_rng(0)
    images = rng.random((9, SIDE, SIDE)) * np.exp(-(np.linspace(-2, 2, SIDE) ** 2))[:, None]
    degrees, tau = np.array([60.0, -90.0, 0.0]), np.array([[0.1, 0.05], [0.0, 0.1], [0.0, 0.0]])
    images[[3, 5, 7]] = make_blob_images(np.radians(degrees), tau, SIDE)
    return np.round(255 * images).astype(np.uint8)[..., None]


def test_rotated_copies_are_nearest_and_their_rotation_is_undone(images):
    settings = make_settings(mirror=False)
    found = find_similar(images[7:8], images, settings, count=2, own_row=7)
    assert set(found.rows) == {3, 5} and (found.similarity > 0.95).all()
    angles = dict(zip(found.rows.tolist(), np.degrees(found.angles), strict=True))
    assert angles[3] == pytest.approx(-60, abs=8) and angles[5] == pytest.approx(90, abs=8)
    assert (np.diff(found.distance) >= 0).all()
    matched = match_query(images[7:8], images[found.rows], found, settings)
    assert np.abs(matched - images[7:8] / 255).mean() < 0.03


def test_a_mirror_image_is_shown_like_the_query(images):
    settings = make_settings(mirror=True, rerank=False)
    mirrored = np.concatenate([images[:3], images[7:8, :, ::-1]])
    found = find_similar(images[7:8], mirrored, settings, count=1, own_row=None)
    assert found.rows.tolist() == [3] and found.mirrored[0] and found.distance is None
    matched = match_query(images[7:8], mirrored[found.rows], found, settings)
    assert np.abs(matched - images[7:8] / 255).mean() < 0.03


def test_no_more_neighbours_than_there_are(images):
    assert len(find_similar(images[:1], images, make_settings(), count=50, own_row=0).rows) == 8


def test_a_file_is_fitted_as_the_images_of_the_run_are(tmp_path, images):
    data = base.get_config().data
    data.update(name="images", resize=12)
    source = array_source("images", images, row_ids("images", len(images)))
    Image.fromarray(images[3, :20, :, 0]).save(tmp_path / "new.png")
    prepared = prepare_file(data, source, tmp_path / "new.png")
    assert prepared.shape == (1, 12, 12, 1) and prepared.dtype == np.uint8
    # Padded by two rows above and below, then averaged over 2 x 2 pixels.
    expected = images[3, :20, :, 0].reshape(10, 2, 12, 2).mean((1, 3))
    assert np.abs(prepared[0, 1:11, :, 0] - expected).max() <= 0.5


@pytest.mark.parametrize("shape, dtype, words", [((30, 9), np.uint8, "at most 24"), ((9, 9), np.uint16, "uint16")])
def test_files_that_do_not_fit_are_refused(tmp_path, images, shape, dtype, words):
    Image.fromarray(np.zeros(shape, dtype)).save(tmp_path / "new.png")
    source = array_source("images", images, row_ids("images", len(images)))
    with pytest.raises(InputError, match=words):
        prepare_file(base.get_config().data, source, tmp_path / "new.png")
