"""A classifier of patches, trained on labels for a few steps."""

import numpy as np
import pytest

from irl_inr_jax.augment.polar_views import ViewStrengths
from irl_inr_jax.clustering.polar_training import FitOptions, PolarNetwork, classify_patches, train_on_labels

NETWORK = PolarNetwork((8, 8), (16, 8), num_clusters=2, num_radii=6, num_angles=16, fill=0.0)
OPTIONS = FitOptions(
    num_steps=30, batch_size=32, learning_rate=0.01, weight_decay=0.01, smoothing=0.1, average_decay=0.9
)
STRENGTHS = ViewStrengths(scale=0.05, stretch=0.05, shear=0.05, shift=0.03, wave=0.02, mirror=False)


def bars_and_blobs(count, seed=0):
    """Patches of bars (0) and blobs (1) of the same mass in any rotation, of varying width."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype(np.int32)
    y, x = np.mgrid[-1:1:12j, -1:1:12j]
    angle, width = rng.uniform(0, np.pi, (count, 1, 1)), rng.uniform(0.9, 1.1, (count, 1, 1))
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    long = np.where(labels, 0.4, 0.8)[:, None, None] * width
    patches = np.exp(-((u / long) ** 2) - (v * long / 0.16 / width**2) ** 2)
    return patches[..., None].astype(np.float16), labels


def train(patches, labels, *, options=OPTIONS, seed=0):
    return train_on_labels(
        NETWORK, patches, labels, options=options, strengths=STRENGTHS, seed=seed, stage="a classifier"
    )


@pytest.fixture(scope="module")
def trained():
    return train(*bars_and_blobs(64))


def classify(trained, patches):
    return classify_patches(NETWORK, trained, patches, batch_size=64)


def test_labels_are_fitted_and_new_patches_classified(trained):
    for seed in range(2):
        patches, labels = bars_and_blobs(64, seed)
        probabilities = classify(trained, patches)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), labels)
    assert probabilities.max(axis=1).mean() > 0.7


def test_probabilities_are_invariant_to_quarter_rotations(trained):
    patches, _ = bars_and_blobs(64)
    rotated = np.rot90(patches, axes=(1, 2))
    np.testing.assert_allclose(classify(trained, rotated), classify(trained, patches), atol=1e-4)


def test_the_result_depends_on_the_seed_alone(trained):
    patches, labels = bars_and_blobs(64)
    np.testing.assert_array_equal(classify(train(patches, labels), patches), classify(trained, patches))
    assert np.abs(classify(train(patches, labels, seed=1), patches) - classify(trained, patches)).max() > 1e-3


def test_contrast_does_not_matter(trained):
    patches, labels = bars_and_blobs(64)
    darker = (0.25 * patches).astype(np.float16)
    np.testing.assert_allclose(classify(train(darker, labels), darker), classify(trained, patches), atol=0.05)


def test_wrong_labels_are_corrected():
    """Every eighth label is wrong, at random; the classifier gives most of these patches their right label."""
    patches, labels = bars_and_blobs(64)
    wrong = np.random.default_rng(0).permutation(64)[:8]
    noisy = labels.copy()
    noisy[wrong] = 1 - noisy[wrong]
    found = classify(train(patches, noisy), patches).argmax(axis=1)
    assert np.mean(found == labels) > 0.92 > np.mean(noisy == labels)
