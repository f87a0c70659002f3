"""Test the measures of novelty against their definitions in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.deployment.novelty import (
    Familiarity,
    encode_with_errors,
    make_error_grid,
    measure_familiarity,
    measure_novelty,
    neighbour_distances,
    relative_errors,
)
from irl_inr_jax.geometry.coords import pixel_grid, transform_coords
from irl_inr_jax.geometry.warps import sample_image
from tests.small_model import make_small_images, make_small_model


@pytest.fixture(scope="module")
def blobs():
    """Latents (300, 3) in two clusters, the second with another covariance in none, and their clusters."""
    rng = np.random.default_rng(0)
    clusters = np.arange(300) % 2
    scale = np.array([[1.0, 0.2, 0.05]])
    return (rng.normal(size=(300, 3)) * scale + 3 * clusters[:, None]).astype(np.float32), clusters


def test_distances_are_those_of_the_nearest_other_points():
    rng = np.random.default_rng(0)
    points, queries = rng.normal(size=(40, 3)), rng.normal(size=(7, 3))
    distances = np.sort(np.linalg.norm(queries[:, None] - points, axis=2), axis=1)
    np.testing.assert_allclose(neighbour_distances(points, queries), distances[:, :5].mean(axis=1))
    own = np.sort(np.linalg.norm(points[:, None] - points, axis=2), axis=1)
    np.testing.assert_allclose(neighbour_distances(points, points), own[:, 1:6].mean(axis=1))


def test_known_images_have_median_0_and_one_spread_below_it(blobs):
    latents, clusters = blobs
    errors = np.exp(np.random.default_rng(1).normal(size=300)).astype(np.float32) * (1 + 9 * clusters)
    familiarity = measure_familiarity(latents, clusters, measured=np.arange(300), errors=errors)
    novelty = measure_novelty(familiarity, latents, latents, errors)
    found = familiarity.find_clusters(latents)
    np.testing.assert_array_equal(found, clusters)
    for number in range(2):
        np.testing.assert_allclose(np.median(novelty[found == number], axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(np.quantile(novelty[found == number], 0.16, axis=0), -1, atol=1e-3)
    # Whitened, each cluster has the covariance 1, so distances do not depend on the scales of the latents.
    scaled = latents * np.array([3.0, 1.0, 0.5], np.float32)
    other = measure_familiarity(scaled, clusters, measured=np.arange(300), errors=errors)
    np.testing.assert_allclose(measure_novelty(other, scaled, scaled, errors), novelty, atol=2e-2)


def test_isolated_and_badly_reconstructed_images_are_novel(blobs):
    latents, clusters = blobs
    errors = np.ones(300, np.float32) + np.linspace(0, 0.1, 300, dtype=np.float32)
    familiarity = measure_familiarity(latents, clusters, measured=np.arange(300), errors=errors)
    far = latents[:2] + np.float32(20)
    novelty = measure_novelty(familiarity, latents, np.concatenate([latents[:2], far]), np.array([1.05, 9, 1, 1.0]))
    assert novelty[1, 1] > 5 > novelty[0, 1] and (novelty[2:, 0] > 5).all() and (novelty[:2, 0] < 5).all()


def test_a_small_cluster_has_the_spread_of_all(blobs):
    latents, clusters = blobs
    clusters = np.where(np.arange(300) < 5, 2, clusters)
    latents = latents + np.where(clusters == 2, 30, 0)[:, None].astype(np.float32)
    familiarity = measure_familiarity(latents, clusters, measured=np.arange(300), errors=None)
    assert familiarity.medians.shape == (3, 1)
    assert (
        familiarity.spreads[2] != familiarity.spreads[1] and 0.3 < familiarity.spreads[2] / familiarity.spreads[1] < 3
    )


def test_relative_errors_are_those_of_the_reconstruction_in_the_disc():
    model, images = make_small_model(), make_small_images()[:5, ..., None]
    grid = make_error_grid(model.config)
    latents, pose, errors = encode_with_errors(model.trained, images, grid)
    expected_latents, expected_pose = model.trained.encode(images)
    np.testing.assert_allclose(latents, expected_latents, atol=1e-6)
    np.testing.assert_allclose(pose.theta, expected_pose.theta, atol=1e-6)
    np.testing.assert_allclose(errors, relative_errors(model.trained, images, latents, pose, grid), rtol=1e-5)
    # On a fine grid of pixels of the upright image, the means over the disc are nearly those over the circles.
    fine = grid._replace(num_radii=64, num_angles=64)
    side = 128
    unit = jnp.asarray(model.trained.to_unit(images))
    points = np.asarray(pixel_grid(side, side), np.float64)
    upright = transform_coords(
        jnp.broadcast_to(jnp.asarray(points, jnp.float32), (5, *points.shape)), jax.tree.map(jnp.asarray, pose)
    )
    sampled = np.stack(
        [
            sample_image(image, at, interpolation="bilinear", fill=grid.fill)
            for image, at in zip(unit, upright, strict=True)
        ]
    ).astype(np.float64)
    drawn = model.trained.render(latents, None, side=side).astype(np.float64).reshape(sampled.shape)
    inside = (points**2).sum(-1) < 1
    squares, powers = ((drawn - sampled) ** 2)[:, inside], (sampled**2)[:, inside]
    expected = squares.mean(axis=(1, 2)) / np.sqrt(powers.mean(axis=(1, 2)))
    np.testing.assert_allclose(relative_errors(model.trained, images, latents, pose, fine), expected, rtol=0.02)
    assert isinstance(model.familiarity, Familiarity) and model.held_out.novelty.shape == (8, 2)
