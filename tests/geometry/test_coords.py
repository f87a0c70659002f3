import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irl_inr_jax.geometry import coords as geometry
from irl_inr_jax.types import Pose

compose_poses, invert_pose = jax.jit(geometry.compose_poses), jax.jit(geometry.invert_pose)
rotate_coords, transform_coords = jax.jit(geometry.rotate_coords), jax.jit(geometry.transform_coords)
pixel_grid = jax.jit(geometry.pixel_grid, static_argnums=(0, 1))

SEEDS = st.integers(0, 10**6)
few = settings(max_examples=20, deadline=None)


def random_poses(seed, *batch):
    rng = np.random.default_rng(seed)
    return rng.uniform(-7, 7, batch), rng.normal(size=(*batch, 2)), rng.normal(size=(*batch, 5, 2))


def as_pose(theta, tau):
    return Pose(theta=jnp.asarray(np.float32(theta)), tau=jnp.asarray(np.float32(tau)))


def matrix(theta):
    """R(theta) in float64, written from the definition."""
    return np.moveaxis(np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]]), (0, 1), (-2, -1))


@few
@given(SEEDS)
def test_a_pose_is_a_rotation_matrix_and_a_translation(seed):
    theta, tau, coords = random_poses(seed, 3, 2)
    expected = np.einsum("...ij,...nj->...ni", matrix(theta), coords) + tau[..., None, :]
    found = transform_coords(np.float32(coords), as_pose(theta, tau))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@few
@given(SEEDS)
def test_composing_poses_composes_their_maps(seed):
    theta1, tau1, coords = random_poses(seed, 4)
    theta2, tau2, _ = random_poses(seed + 1, 4)
    outer, inner, coords = as_pose(theta1, tau1), as_pose(theta2, tau2), np.float32(coords)
    one_after_the_other = transform_coords(transform_coords(coords, inner), outer)
    np.testing.assert_allclose(transform_coords(coords, compose_poses(outer, inner)), one_after_the_other, atol=1e-5)


def test_poses_do_not_commute():
    rotation, translation = as_pose(np.pi / 2, [0.0, 0.0]), as_pose(0.0, [1.0, 0.0])
    np.testing.assert_allclose(compose_poses(rotation, translation).tau, [0, 1], atol=1e-6)
    np.testing.assert_allclose(compose_poses(translation, rotation).tau, [1, 0], atol=1e-6)


@few
@given(SEEDS)
def test_a_pose_and_its_inverse_are_the_identity_either_way(seed):
    theta, tau, coords = random_poses(seed, 4)
    pose, coords = as_pose(theta, tau), np.float32(coords)
    back = invert_pose(pose)
    np.testing.assert_allclose(transform_coords(transform_coords(coords, pose), back), coords, atol=2e-5)
    np.testing.assert_allclose(transform_coords(transform_coords(coords, back), pose), coords, atol=2e-5)
    for identity in (compose_poses(pose, back), compose_poses(back, pose)):
        np.testing.assert_allclose(identity.theta, 0, atol=1e-6)
        np.testing.assert_allclose(identity.tau, 0, atol=1e-5)


@few
@given(SEEDS)
def test_rotations_are_a_group_that_keeps_lengths(seed):
    theta1, _, coords = random_poses(seed, 4)
    theta2, _, _ = random_poses(seed + 1, 4)
    a, b, coords = (np.float32(v) for v in (theta1, theta2, coords))
    np.testing.assert_allclose(
        rotate_coords(rotate_coords(coords, a), b),
        rotate_coords(coords, np.float32(theta1 + theta2)),
        atol=1e-5,
    )
    lengths = np.linalg.norm(rotate_coords(coords, a), axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(coords, axis=-1), atol=1e-5)


def test_angles_are_counter_clockwise_with_y_up():
    pose = as_pose(np.pi / 2, [0.0, 0.0])
    np.testing.assert_allclose(transform_coords(np.float32([[1.0, 0.0]]), pose), [[0, 1]], atol=1e-6)


def test_the_grid_starts_at_the_centre_of_the_top_left_pixel_and_runs_row_by_row():
    grid = np.asarray(pixel_grid(3, 4))
    assert grid.shape == (12, 2)
    np.testing.assert_allclose(grid[0], [-0.75, 2 / 3], atol=1e-7)
    np.testing.assert_allclose(grid[1], [-0.25, 2 / 3], atol=1e-7)
    np.testing.assert_allclose(grid[4], [-0.75, 0], atol=1e-7)
    np.testing.assert_allclose(grid[-1], [0.75, -2 / 3], atol=1e-7)


def test_a_grid_of_any_resolution_covers_the_same_square():
    for height, width in ((1, 1), (2, 5), (28, 28), (33, 8)):
        grid = np.asarray(pixel_grid(height, width)).reshape(height, width, 2)
        np.testing.assert_allclose(grid.mean((0, 1)), 0, atol=1e-6)
        np.testing.assert_allclose(np.diff(grid[..., 0], axis=1), 2 / width, atol=1e-6)
        np.testing.assert_allclose(np.diff(grid[..., 1], axis=0), -2 / height, atol=1e-6)
        assert grid[0, 0, 0] - 1 / width == pytest.approx(-1, abs=1e-6)
        assert grid[0, 0, 1] + 1 / height == pytest.approx(1, abs=1e-6)


def test_a_coarse_pixel_is_the_centre_of_its_fine_pixels():
    fine = np.asarray(pixel_grid(12, 6)).reshape(6, 2, 3, 2, 2)
    np.testing.assert_allclose(fine.mean((1, 3)).reshape(-1, 2), pixel_grid(6, 3), atol=1e-6)
