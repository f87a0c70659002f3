"""Test the features of wafer maps: invariance to rotations and mirror images, and what they distinguish."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.data.datasets.wm811k import LEVELS
from irl_inr_jax.geometry.rings import BANDS
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.methods import METHODS
from irl_inr_jax.methods.wafer_features import make_wafer_features
from irl_inr_jax.presets import wm811k
from irl_inr_jax.types import Pose

SIDE = 32
SETTINGS = {"num_radii": 10, "num_angles": 32, "num_frequencies": 6}


@pytest.fixture(scope="module")
def encode():
    """encode(images) -> features and pose, in small."""
    config = wm811k.get_config("wafer_features")
    config.wafers.update(SETTINGS)
    compiled = jax.jit(METHODS["wafer_features"](config, num_channels=1, low=0.0, axis_name=None).encode)

    def encode(images):
        features, pose = compiled({"encoder": {}}, {}, images)
        return np.asarray(features), pose

    return encode


def make_wafers():
    """A wafer with scattered failures, and the same with a blob, a ring, a scratch, and a blob elsewhere."""
    y, x = (np.indices((SIDE, SIDE)) + 0.5) / SIDE * 2 - 1
    radius = np.hypot(x, y)
    scattered = np.random.default_rng(0).random((SIDE, SIDE)) < 0.05
    patterns = [
        np.zeros_like(scattered),
        np.hypot(x - 0.5, y - 0.3) < 0.25,
        radius > 0.85,
        (np.abs(x - 0.4 * y - 0.2) < 0.05) & (np.abs(y) < 0.5),
        np.hypot(x, y) < 0.25,
    ]
    dies = np.stack([np.where(radius <= 1, 1 + (scattered | pattern), 0) for pattern in patterns])
    return jnp.asarray(LEVELS[dies][..., None] / 255, jnp.float32)


def test_quarter_rotations_and_mirror_images_change_nothing(encode):
    images = make_wafers()
    features, _ = encode(images)
    assert features.shape == (5, 3 * 10 * 6 + 1 + 4 * len(BANDS) * 6)
    for changed in (jnp.rot90(images, axes=(1, 2)), images[:, ::-1], images[:, :, ::-1], jnp.swapaxes(images, 1, 2)):
        np.testing.assert_allclose(encode(changed)[0], features, atol=2e-3)


def test_other_rotations_and_their_mirror_images_change_little(encode):
    images = make_wafers()
    features, _ = encode(images)
    between = np.linalg.norm(features[:, None] - features, axis=-1)
    pose = Pose(theta=jnp.full(5, 0.7), tau=jnp.zeros((5, 2)))
    rotated = transform_images(images, pose, interpolation="bilinear", fill=0.0)
    for changed in (rotated, rotated[:, ::-1]):
        distances = np.linalg.norm(encode(changed)[0][:, None] - features, axis=-1)
        np.testing.assert_array_equal(distances.argmin(axis=1), np.arange(5))
        assert np.diag(distances).max() < 0.6 * np.median(between[between > 0])


def test_the_place_of_a_pattern_counts(encode):
    """Rings are about the image centre, so a blob in the middle is not one beside it."""
    images = make_wafers()
    features, _ = encode(images)
    distance = np.linalg.norm(features[4] - features[1])
    assert distance > 0.5
    shifted = jnp.roll(images, 4, axis=2)
    assert np.linalg.norm(encode(shifted)[0] - features, axis=1).min() > 0.2


def test_a_blank_a_passed_and_a_failed_wafer_have_finite_features_and_their_share(encode):
    disc = np.asarray(make_wafers())[:1] > 0
    levels = np.array([0, LEVELS[1], 255, 0, 0]).reshape(5, 1, 1, 1) / 255
    features, pose = encode(jnp.asarray(levels * disc, jnp.float32))
    assert np.isfinite(features).all() and not np.any(pose.tau)
    share = features[:, 3 * 10 * 6]
    assert share[0] == 0 and share[1] == pytest.approx(0, abs=0.07) and share[2] == pytest.approx(1, abs=0.1)


def test_averaged_rings_leave_the_density_the_mean_excess_and_the_statistics_unchanged():
    images = make_wafers()
    config = wm811k.get_config("wafer_features")
    config.wafers.update(SETTINGS, averaged_rings=0.0)
    plain = np.asarray(jax.jit(make_wafer_features(config.wafers))(images))
    config.wafers.averaged_rings = 2.0
    averaged = np.asarray(jax.jit(make_wafer_features(config.wafers))(images))
    size = 10 * 6
    shapes, same = (values[:, : 3 * size].reshape(5, 3, 10, 6) for values in (averaged, plain))
    np.testing.assert_allclose(averaged[:, 3 * size :], plain[:, 3 * size :], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shapes[:, 0], same[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shapes[:, 1, :, 0], same[:, 1, :, 0], rtol=1e-5, atol=1e-6)
    for which, first in ((1, 1), (2, 0)):
        roughness = [np.abs(np.diff(values[:, which, :, first:], axis=1)).sum() for values in (shapes, same)]
        assert roughness[0] < 0.5 * roughness[1]
