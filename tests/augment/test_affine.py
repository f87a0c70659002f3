import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irl_inr_jax.augment import affine
from irl_inr_jax.augment.affine import (
    compose_maps,
    crop_map,
    flip_map,
    identity_map,
    rotation_map,
    shear_map,
    shift_map,
)

FILL = 0.25
SEEDS = st.integers(0, 10**6)
few = settings(max_examples=15, deadline=None)
compiled = jax.jit(affine.resample, static_argnames="fill")
sample_crops = jax.jit(jax.vmap(affine.sample_crop_map, in_axes=(0, None)), static_argnums=1)


def noise_image(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(size=shape), jnp.float32)


def resample(image, matrix):
    return np.asarray(compiled(image, matrix, fill=FILL))


def random_map(seed):
    """A rotation, a shear, a crop, a shift and sometimes a mirror, in random order."""
    rng = np.random.default_rng(seed)
    parts = (
        rotation_map(rng.uniform(-4, 4)),
        shear_map(rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)),
        crop_map(*jnp.asarray(rng.uniform(0.4, 1, (2, 2)), jnp.float32)),
        shift_map(jnp.asarray(rng.normal(size=2), jnp.float32)),
        flip_map(float(rng.integers(2))),
    )
    matrix = identity_map()
    for i in rng.permutation(len(parts)):
        matrix = compose_maps(matrix, parts[i])
    return matrix


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_identity_leaves_every_pixel(channels):
    image = noise_image(7, 5, channels)
    np.testing.assert_allclose(resample(image, identity_map()), image, atol=1e-5)


@pytest.mark.parametrize("size", [6, 7])
def test_quarter_rotations_are_rot90_counter_clockwise(size):
    image = noise_image(size, size, 2)
    for quarters in (1, 2, 3, -1):
        np.testing.assert_allclose(
            resample(image, rotation_map(quarters * np.pi / 2)), np.rot90(image, quarters), atol=1e-5
        )


def test_whole_pixel_shifts_are_to_the_right_and_up_with_fill():
    height, width = 6, 8
    image = noise_image(height, width, 1)
    bordered = np.pad(image, ((5, 5), (5, 5), (0, 0)), constant_values=FILL)
    for right, up in [(1, 0), (0, 1), (-2, 3), (4, -1)]:
        shifted = resample(image, shift_map(jnp.array([2 * right / width, 2 * up / height])))
        np.testing.assert_allclose(shifted, np.roll(bordered, (-up, right), axis=(0, 1))[5:-5, 5:-5], atol=1e-5)


def test_a_flip_mirrors_left_to_right_and_undoes_itself():
    image = noise_image(5, 6, 3)
    np.testing.assert_allclose(resample(image, flip_map(1.0)), image[:, ::-1], atol=1e-5)
    np.testing.assert_array_equal(flip_map(0.0), identity_map())
    np.testing.assert_array_equal(compose_maps(flip_map(1.0), flip_map(1.0)), identity_map())


def test_a_crop_of_a_quarter_enlarges_it_twice():
    x, y = np.meshgrid((2 * np.arange(8) + 1) / 8 - 1, 1 - (2 * np.arange(8) + 1) / 8)
    ramp = jnp.asarray(np.stack([x, y], -1), jnp.float32)
    centre = np.array([0.25, -0.5])
    cropped = resample(ramp, crop_map(jnp.array([0.5, 0.5]), jnp.asarray(centre, jnp.float32)))
    np.testing.assert_allclose(cropped[:7], (centre + 0.5 * np.stack([x, y], -1))[:7], atol=1e-5)


def test_shears_shift_the_top_and_the_right_edge():
    np.testing.assert_allclose(shear_map(0.1, 0.0) @ jnp.array([0.0, 1.0, 1.0]), [0.1, 1, 1], atol=1e-7)
    np.testing.assert_allclose(shear_map(0.0, 0.1) @ jnp.array([1.0, 0.0, 1.0]), [1, 0.1, 1], atol=1e-7)


def test_a_composed_map_is_one_map_after_the_other():
    image = noise_image(6, 6, 2)
    maps = (flip_map(1.0), rotation_map(np.pi / 2), rotation_map(np.pi), shift_map(jnp.array([2 / 6, -4 / 6])))
    for first in maps:
        for second in maps:
            one_after_the_other = resample(resample(image, first), second)
            np.testing.assert_allclose(resample(image, compose_maps(first, second)), one_after_the_other, atol=1e-5)


def test_maps_do_not_commute():
    rotation, shift = rotation_map(np.pi / 2), shift_map(jnp.array([1.0, 0.0]))
    old = compose_maps(shift, rotation) @ jnp.array([0.0, 1.0, 1.0])
    np.testing.assert_allclose(old, [0, 0, 1], atol=1e-6)  # shifted to the right, then rotated up
    old = compose_maps(rotation, shift) @ jnp.array([1.0, 0.0, 1.0])
    np.testing.assert_allclose(old, [0, 0, 1], atol=1e-6)


@few
@given(SEEDS)
def test_maps_are_a_group(seed):
    a, b, c = (random_map(seed + i) for i in range(3))
    np.testing.assert_allclose(compose_maps(compose_maps(a, b), c), compose_maps(a, compose_maps(b, c)), atol=1e-4)
    np.testing.assert_array_equal(compose_maps(a, identity_map()), a)
    np.testing.assert_array_equal(compose_maps(identity_map(), a), a)
    np.testing.assert_allclose(compose_maps(a, jnp.linalg.inv(a)), identity_map(), atol=1e-5)


@few
@given(st.floats(-4, 4), st.floats(-2, 2), st.floats(-2, 2))
def test_rotations_and_shifts_are_inverted_by_their_opposites(theta, x, y):
    np.testing.assert_allclose(compose_maps(rotation_map(theta), rotation_map(-theta)), identity_map(), atol=1e-6)
    offset = jnp.array([x, y], jnp.float32)
    np.testing.assert_allclose(compose_maps(shift_map(offset), shift_map(-offset)), identity_map(), atol=1e-6)


@pytest.mark.parametrize("area", [(0.2, 1.0), (0.05, 0.3), (0.9, 0.95)])
def test_crops_are_inside_and_have_the_stated_area_and_aspect(area):
    maps = np.asarray(sample_crops(jax.random.split(jax.random.key(0), 2000), area))
    size, centre = maps[:, (0, 1), (0, 1)], maps[:, :2, 2]
    assert (np.abs(centre) + size).max() <= 1 + 1e-6
    share, aspect = size.prod(-1), size[:, 0] / size[:, 1]
    assert area[0] - 1e-5 <= share.min() and share.max() <= area[1] + 1e-5
    assert 3 / 4 - 1e-4 <= aspect.min() and aspect.max() <= 4 / 3 + 1e-4
    np.testing.assert_allclose(share.mean(), np.mean(area), atol=0.03 * (area[1] - area[0]))
    np.testing.assert_allclose(np.log(aspect).mean(), 0, atol=0.02)
    np.testing.assert_allclose(centre.mean(0), 0, atol=0.05)
    assert np.abs(np.corrcoef(centre.T)[0, 1]) < 0.1


def test_a_crop_of_the_whole_is_the_identity():
    maps = sample_crops(jax.random.split(jax.random.key(0), 50), (1.0, 1.0))
    np.testing.assert_allclose(maps, np.broadcast_to(identity_map(), maps.shape), atol=1e-6)


def test_far_outside_there_is_fill():
    image = noise_image(5, 5, 1)
    np.testing.assert_array_equal(
        resample(image, shift_map(jnp.array([40.0, -3e9]))), np.full((5, 5, 1), FILL, np.float32)
    )
