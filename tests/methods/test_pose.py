import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irl_inr_jax.config.base import list_keys
from irl_inr_jax.config.checks import flatten_keys
from irl_inr_jax.geometry.coords import compose_poses, invert_pose, pixel_grid, transform_coords
from irl_inr_jax.geometry.moments import NOT_BLURRED, Salience, centre_of_mass, moment_pose
from irl_inr_jax.geometry.polar import polar_grid, sample_polar
from irl_inr_jax.methods import pose as module
from irl_inr_jax.methods.pose import HeadPose, PoseForm, make_pose_form
from irl_inr_jax.types import Pose

best_rotation = jax.jit(module.best_rotation)
few = settings(max_examples=15, deadline=None)
NUM_ROTATIONS, SIDE = 24, 48
ORIGIN = Pose(theta=jnp.zeros(1), tau=jnp.zeros((1, 2)))


def make_form(name, *, translation=True, canonical_input=False, num_rotations=NUM_ROTATIONS):
    sizes = {"num_rotations": num_rotations, "num_radii": 6}
    return PoseForm(name, translation, canonical_input, **sizes, fill=0.0, salience=NOT_BLURRED)


def random_array(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def no_inr(coords):
    raise AssertionError("expected a pose without rendering")


def blob(coords):
    """A smooth image without symmetry as a function of coords (..., 2); its mass is far from the border."""
    x, y = coords[..., 0], coords[..., 1]
    first = jnp.exp(-((x - 0.15) ** 2 / 0.04 + y**2 / 0.015))
    return (first + 0.7 * jnp.exp(-((x + 0.2) ** 2 + (y - 0.2) ** 2) / 0.01))[..., None]


def blob_image(theta, tau):
    """S_{theta,tau} of the blob, (1, SIDE, SIDE, 1), from its formula instead of resampling."""
    pose = Pose(theta=jnp.array(theta, jnp.float32), tau=jnp.array(tau, jnp.float32))
    return blob(transform_coords(pixel_grid(SIDE, SIDE), invert_pose(pose))).reshape(1, SIDE, SIDE, 1)


def canonical_blob(frame_rotation=0.0):
    """The INR of one image: the blob, centred on its mass and rotated so that the correct angle is `frame_rotation`."""
    frame, _ = moment_pose(blob_image(0.0, [0.0, 0.0]), translation=True)
    canonical = Pose(theta=frame.theta + frame_rotation, tau=frame.tau)
    return lambda coords: blob(transform_coords(coords, canonical))


def angle_difference(a, b):
    return np.angle(np.exp(1j * (np.asarray(a, np.float64) - np.asarray(b, np.float64))))


@few
@given(st.integers(0, 10**6), st.integers(0, 15))
def test_a_circular_shift_is_found_exactly(seed, shift):
    rendered = random_array(seed, 2, 3, 16, 2)
    shifted = jnp.array(np.roll(rendered, shift, axis=2))
    np.testing.assert_array_equal(best_rotation(shifted, rendered), [shift, shift])


@few
@given(st.integers(0, 10**6))
def test_the_best_rotation_has_the_least_squared_error_with_circles_weighted_by_length(seed):
    sampled, rendered = (np.asarray(random_array(seed + i, 3, 4, 9, 2)) for i in range(2))
    radii = (np.arange(4) + 0.5)[:, None, None]
    errors = [(radii * (np.roll(sampled, -shift, axis=2) - rendered) ** 2).sum((1, 2, 3)) for shift in range(9)]
    np.testing.assert_array_equal(best_rotation(jnp.array(sampled), jnp.array(rendered)), np.argmin(errors, axis=0))


def test_the_polar_grid_is_counter_clockwise_and_inside_the_image():
    grid = np.asarray(polar_grid(3, 4, radius=1.0)).reshape(3, 4, 2)
    np.testing.assert_allclose(grid[0] * 6, [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(grid, axis=-1), np.outer([1 / 6, 3 / 6, 5 / 6], np.ones(4)), atol=1e-6)


def test_rotating_the_image_or_the_frame_by_steps_shifts_the_circles():
    settings = {"num_radii": 6, "num_rotations": NUM_ROTATIONS, "radius": 1.0, "fill": 0.0}
    angle = 2 * np.pi * 5 / NUM_ROTATIONS
    plain = sample_polar(blob_image(0.0, [0.0, 0.0]), ORIGIN, **settings)
    assert plain.shape == (1, 6, NUM_ROTATIONS, 1)
    rotated = sample_polar(blob_image(angle, [0.0, 0.0]), ORIGIN, **settings)
    np.testing.assert_allclose(rotated, np.roll(plain, 5, axis=2), atol=0.03)
    followed = Pose(theta=jnp.array([angle]), tau=jnp.array([[0.1, -0.05]]))
    np.testing.assert_allclose(sample_polar(blob_image(angle, [0.1, -0.05]), followed, **settings), plain, atol=0.03)
    assert np.abs(np.asarray(rotated) - plain).max() > 0.3


@pytest.mark.parametrize(
    ("name", "translation", "canonical", "outputs"),
    [
        ("closed_form", True, True, 2),
        ("closed_form", True, False, 4),
        ("closed_form", False, False, 2),
        ("moment", True, False, 4),
        ("moment", False, False, 2),
        ("centre", True, False, 2),
        ("centre", False, False, 2),
        ("none", True, False, 0),
        ("none", False, False, 0),
    ],
)
def test_the_head_has_the_outputs_of_the_form(name, translation, canonical, outputs):
    form = make_form(name, translation=translation, canonical_input=canonical)
    assert form.num_outputs == outputs
    numbers = random_array(0, 3, outputs)
    head = form.read_head(numbers)
    assert head.direction.shape == (3, 2) and head.tau.shape == (3, 2)
    if not translation or canonical or name == "none":
        assert not np.any(head.tau)
    else:
        np.testing.assert_array_equal(head.tau, numbers if name == "centre" else numbers[:, 2:])


@few
@given(st.floats(-3.1, 3.1), st.floats(0.05, 2))
def test_the_papers_angle_carries_the_y_axis_onto_the_centre_of_mass(theta, length):
    m = np.float32(length) * np.array([[-np.sin(theta), np.cos(theta)]], np.float32)  # R(theta)(0, |m|)
    form = make_form("centre")
    pose = form.find_pose(jnp.zeros((1, 4, 4, 1)), form.read_head(jnp.array(m)), no_inr)
    assert abs(angle_difference(pose.theta, theta)[0]) < 1e-4
    np.testing.assert_array_equal(pose.tau, m)


@pytest.mark.parametrize("translation", [True, False])
def test_the_pose_of_an_image_in_the_papers_form_is_the_centre_of_mass_and_its_direction(translation):
    """Against float64 sums; the angle is counterclockwise from the +y axis."""
    images = np.random.default_rng(0).uniform(size=(5, 9, 9, 1)).astype(np.float32) ** 4
    mass = images.astype(np.float64)[..., 0]
    x = (np.arange(9) + 0.5) / 4.5 - 1
    centre = np.stack([(mass * x).sum((1, 2)), (mass * -x[:, None]).sum((1, 2))], axis=-1) / mass.sum((1, 2))[:, None]
    pose = make_form("centre", translation=translation).image_pose(jnp.asarray(images))
    np.testing.assert_allclose(pose.tau, centre if translation else np.zeros_like(centre), atol=1e-6)
    np.testing.assert_allclose(angle_difference(pose.theta, np.arctan2(-centre[:, 0], centre[:, 1])), 0, atol=1e-4)


def test_with_one_rotation_the_pose_is_that_of_the_moments_without_rendering():
    images = jnp.abs(random_array(0, 4, 9, 9, 1))
    for translation in (True, False):
        form = make_form("closed_form", translation=translation, num_rotations=1)
        found = form.find_pose(images, form.read_head(jnp.zeros((4, form.num_outputs))), no_inr)
        jax.tree.map(np.testing.assert_array_equal, found, moment_pose(images, translation=translation)[0])


@pytest.mark.parametrize(("theta", "tau"), [(0.0, [0.0, 0.0]), (2.2, [0.1, -0.12])])
def test_with_a_trained_inr_the_pose_aligns_the_rendering_with_the_image(theta, tau):
    """For every orientation of the INR's blob, rendering at the estimated pose gives the image."""
    form, images = make_form("closed_form"), blob_image(theta, tau)
    for step in (0, 1, 7, 23):
        render = canonical_blob(2 * np.pi * step / NUM_ROTATIONS)
        pose = form.find_pose(images, form.read_head(jnp.zeros((1, 4))), render)
        rendered = render(transform_coords(pixel_grid(SIDE, SIDE)[None], invert_pose(pose)))
        assert float(jnp.mean((rendered.reshape(images.shape) - images) ** 2)) < 0.01 * float(jnp.var(images))


def test_the_closed_form_pose_follows_the_image():
    form, render = make_form("closed_form"), canonical_blob(1.0)
    head = form.read_head(jnp.zeros((1, 4)))
    before = form.find_pose(blob_image(0.0, [0.0, 0.0]), head, render)
    for theta, tau in [(np.pi / 2, [0.0, 0.0]), (0.7, [0.1, 0.1]), (-2.5, [-0.15, 0.05])]:
        after = form.find_pose(blob_image(theta, tau), head, render)
        transformation = Pose(theta=jnp.array([theta], jnp.float32), tau=jnp.array([tau], jnp.float32))
        expected = compose_poses(transformation, before)
        assert np.degrees(np.abs(angle_difference(after.theta, expected.theta)))[0] < 1
        np.testing.assert_allclose(after.tau, expected.tau, atol=3e-3)


@pytest.mark.parametrize(
    ("name", "canonical"), [("closed_form", True), ("closed_form", False), ("moment", False), ("centre", False)]
)
def test_a_head_that_predicts_the_target_has_no_symmetry_loss(name, canonical):
    form = make_form(name, canonical_input=canonical)
    images = jnp.concatenate([blob_image(0.4, [0.1, 0.0]), blob_image(-2.0, [-0.1, 0.1])])
    moments, _ = moment_pose(images, translation=True)
    pose = Pose(theta=moments.theta + 0.8, tau=moments.tau)
    theta = {"closed_form": pose.theta - moments.theta if canonical else pose.theta, "moment": moments.theta}.get(name)
    if name == "centre":
        head = form.read_head(centre_of_mass(images))
    else:
        head = HeadPose(jnp.stack([jnp.cos(theta), jnp.sin(theta)], -1), moments.tau)
    loss, error = form.symmetry_loss(images, head, pose)
    assert float(loss) == pytest.approx(0, abs=1e-9) and float(error) == pytest.approx(0, abs=1e-3)
    worse, error = form.symmetry_loss(images, HeadPose(-head.direction, head.tau), pose)
    assert float(worse) > 1e-3 and float(error) == pytest.approx(np.pi, abs=1e-2)


def test_without_a_pose_the_pose_is_the_identity_and_its_loss_is_zero():
    form, images = make_form("none"), jnp.concatenate([blob_image(0.4, [0.1, 0.0]), jnp.zeros((1, SIDE, SIDE, 1))])
    head = form.read_head(jnp.zeros((2, 0)))
    assert not form.predicts_tau and not np.any(head.direction) and not np.any(head.tau)
    pose = form.find_pose(images, head, no_inr)
    np.testing.assert_array_equal(pose.theta, [0.0, 0.0])
    np.testing.assert_array_equal(pose.tau, np.zeros((2, 2)))
    assert form.symmetry_loss(images, head, pose) == (0.0, 0.0)


@pytest.mark.parametrize("name", flatten_keys(list_keys())["model.pose.form"].rule.choices)
def test_blank_images_have_finite_poses_losses_and_gradients(name):
    form, images = make_form(name, num_rotations=8), jnp.zeros((2, 9, 9, 1)).at[1].set(0.7)

    @jax.jit
    @jax.value_and_grad
    def total(numbers, images):
        head = form.read_head(numbers)
        pose = form.find_pose(images, head, lambda coords: jnp.full((2, coords.shape[1], 1), 0.5))
        return pose.theta.sum() + pose.tau.sum() + form.symmetry_loss(images, head, pose)[0]

    for numbers in (jnp.zeros((2, form.num_outputs)), random_array(0, 2, form.num_outputs)):
        value, gradient = total(numbers, images)
        assert np.isfinite(value) and np.isfinite(gradient).all()


def test_the_configuration_reaches_the_form(tiny_config):
    tiny_config.model.pose.update(form="closed_form", translation=False, num_rotations=5, num_radii=3)
    tiny_config.views.fill = 0.5
    tiny_config.model.pose.update(blur_px=2.0, reach=0.5)
    expected = PoseForm("closed_form", False, True, num_rotations=5, num_radii=3, fill=0.5, salience=Salience(2.0, 0.5))
    assert make_pose_form(tiny_config) == expected
