"""Aligned, reconstructed and similar images of a model."""

import numpy as np
import pytest

from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.deployment.applied_model import AppliedModel
from irl_inr_jax.deployment.model_views import align_new_images, from_unit
from irl_inr_jax.types import InputError, Pose, Scaling
from tests.small_model import SIDE, make_small_images, make_small_model


@pytest.fixture(scope="module")
def applied():
    return AppliedModel(make_small_model(), make_small_images()[:6])


def test_values_are_scaled_back():
    for scaling in (Scaling(1 / 255, 0.0, 0.0, ""), Scaling(-1 / 200, 1.2, 0.0, "")):
        stored = np.arange(20, dtype=np.float32)
        np.testing.assert_allclose(from_unit(scaling, np.asarray(to_unit(scaling, stored))), stored, atol=1e-4)


def test_images_without_rotation_and_shift_are_upright(applied):
    none = Pose(theta=np.zeros(6, np.float32), tau=np.zeros((6, 2), np.float32))
    aligned = align_new_images(applied.bundle, applied.new, none, side=0)
    assert aligned.dtype == np.uint8
    np.testing.assert_array_equal(aligned[..., 0], make_small_images()[:6])
    half = Pose(theta=np.full(6, np.pi, np.float32), tau=np.zeros((6, 2), np.float32))
    turned = align_new_images(applied.bundle, applied.new, half, side=0)[..., 0].astype(int)
    assert np.abs(turned - make_small_images()[:6, ::-1, ::-1]).max() <= 1
    assert align_new_images(applied.bundle, applied.new, none, side=20).shape == (6, 20, 20, 1)


def test_reconstructions_have_the_values_of_stored_pixels(applied):
    images = applied.reconstruct()
    unit = applied.bundle.trained.render(applied.latents, applied.pose, side=SIDE)
    np.testing.assert_allclose(images, 255 * unit, atol=1e-3)


@pytest.mark.slow  # the search is compiled
def test_the_most_similar_known_image_of_a_known_one_is_itself():
    model = make_small_model()
    found = AppliedModel(model, make_small_images()[4]).find_similar(5)
    assert found.ids[0] == model.reference.ids[4] and found.rows[0] == 4 and len(found.ids) == 5
    assert found.similarity[0] > 0.99 and found.images.shape == (5, SIDE, SIDE, 1)


def test_what_the_model_cannot_do_is_refused(applied):
    with pytest.raises(InputError, match=r"one image .* found 6"):
        applied.find_similar(3)
    with pytest.raises(InputError, match="among kmeans, agglomerative, found 'gmm'"):
        applied.clusters("gmm")
    model = make_small_model()
    empty = model._replace(reference=model.reference._replace(images=model.reference.images[:0]))
    with pytest.raises(InputError, match="expected known images in the model"):
        AppliedModel(empty, make_small_images()[0]).find_similar(3)
