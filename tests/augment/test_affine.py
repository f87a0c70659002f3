import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.augment import affine

FILL = 0.25
compiled = jax.jit(affine.resample, static_argnames="fill")
sample_crops = jax.jit(jax.vmap(affine.sample_crop_map, in_axes=(0, None)), static_argnums=1)
compose_maps, rotation_map, flip_map = (jax.jit(f) for f in (affine.compose_maps, affine.rotation_map, affine.flip_map))
crop_map, shear_map, shift_map = (jax.jit(f) for f in (affine.crop_map, affine.shear_map, affine.shift_map))


def identity_map():
    return np.asarray(affine.identity_map())


def noise_image(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def resample(image, matrix):
    return np.asarray(compiled(image, matrix, fill=FILL))


def random_maps(num):
    """A rotation, a shear, a crop, a shift and sometimes a mirror, in random order: `num` triples of such maps."""
    rng = np.random.default_rng(0)
    theta, shear = rng.uniform(-4, 4, (num, 3)), rng.uniform(-0.3, 0.3, (num, 3, 2))
    crop, shift = rng.uniform(0.4, 1, (num, 3, 2, 2)), rng.normal(size=(num, 3, 2))
    flip, order = rng.integers(2, size=(num, 3)), rng.permuted(np.tile(np.arange(5), (num, 3, 1)), axis=-1)

    def one(theta, shear, crop, shift, flip, order):
        parts = [affine.rotation_map(theta), affine.shear_map(*shear), affine.crop_map(*crop)]
        parts = jnp.stack([*parts, affine.shift_map(shift), affine.flip_map(flip)])[order]
        matrix = affine.identity_map()
        for part in parts:
            matrix = affine.compose_maps(matrix, part)
        return matrix

    numbers = (np.asarray(values, np.float32) for values in (theta, shear, crop, shift, flip))
    return jax.jit(jax.vmap(jax.vmap(one)))(*numbers, order)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_identity_leaves_every_pixel(channels):
    image = noise_image(7, 5, channels)
    np.testing.assert_allclose(resample(image, identity_map()), image, atol=1e-5)


@pytest.mark.parametrize("size", [8, 7])
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
        shifted = resample(image, shift_map(np.float32([2 * right / width, 2 * up / height])))
        np.testing.assert_allclose(shifted, np.roll(bordered, (-up, right), axis=(0, 1))[5:-5, 5:-5], atol=1e-5)


def test_a_flip_mirrors_left_to_right_and_undoes_itself():
    image = noise_image(7, 5, 3)
    np.testing.assert_allclose(resample(image, flip_map(1.0)), image[:, ::-1], atol=1e-5)
    np.testing.assert_array_equal(flip_map(0.0), identity_map())
    np.testing.assert_array_equal(compose_maps(flip_map(1.0), flip_map(1.0)), identity_map())


def test_a_crop_of_a_quarter_enlarges_it_twice():
    x, y = np.meshgrid((2 * np.arange(8) + 1) / 8 - 1, 1 - (2 * np.arange(8) + 1) / 8)
    ramp = np.stack([x, y], -1).astype(np.float32)
    centre = np.array([0.25, -0.5])
    cropped = resample(ramp, crop_map(np.float32([0.5, 0.5]), centre.astype(np.float32)))
    np.testing.assert_allclose(cropped[:7], (centre + 0.5 * np.stack([x, y], -1))[:7], atol=1e-5)


def test_shears_shift_the_top_and_the_right_edge():
    np.testing.assert_allclose(np.asarray(shear_map(0.1, 0.0)) @ np.float32([0.0, 1.0, 1.0]), [0.1, 1, 1], atol=1e-7)
    np.testing.assert_allclose(np.asarray(shear_map(0.0, 0.1)) @ np.float32([1.0, 0.0, 1.0]), [1, 0.1, 1], atol=1e-7)


def test_a_composed_map_is_one_map_after_the_other():
    image = noise_image(8, 8, 2)
    maps = (flip_map(1.0), rotation_map(np.pi / 2), rotation_map(np.pi), shift_map(np.float32([2 / 8, -4 / 8])))
    for first in maps:
        for second in maps:
            one_after_the_other = resample(resample(image, first), second)
            np.testing.assert_allclose(resample(image, compose_maps(first, second)), one_after_the_other, atol=1e-5)


def test_maps_do_not_commute():
    rotation, shift = rotation_map(np.pi / 2), shift_map(np.float32([1.0, 0.0]))
    old = np.asarray(compose_maps(shift, rotation)) @ np.float32([0.0, 1.0, 1.0])
    np.testing.assert_allclose(old, [0, 0, 1], atol=1e-6)  # shifted to the right, then rotated up
    old = np.asarray(compose_maps(rotation, shift)) @ np.float32([1.0, 0.0, 1.0])
    np.testing.assert_allclose(old, [0, 0, 1], atol=1e-6)


def test_maps_are_a_group():
    @jax.jit
    @jax.vmap
    def check(maps):
        a, b, c = maps
        compose, identity = affine.compose_maps, affine.identity_map()
        left, right = compose(compose(a, b), c), compose(a, compose(b, c))
        return left, right, compose(a, identity), compose(identity, a), compose(a, jnp.linalg.inv(a))

    maps = random_maps(30)
    left, right, before, after, undone = check(maps)
    np.testing.assert_allclose(left, right, atol=1e-4)
    np.testing.assert_array_equal(before, maps[:, 0])
    np.testing.assert_array_equal(after, maps[:, 0])
    np.testing.assert_allclose(undone, np.broadcast_to(identity_map(), (30, 3, 3)), atol=1e-5)


def test_rotations_and_shifts_are_inverted_by_their_opposites():
    rng = np.random.default_rng(0)
    theta, offset = rng.uniform(-4, 4, 30).astype(np.float32), rng.uniform(-2, 2, (30, 2)).astype(np.float32)

    @jax.jit
    @jax.vmap
    def undo(theta, offset):
        rotated = affine.compose_maps(affine.rotation_map(theta), affine.rotation_map(-theta))
        return rotated, affine.compose_maps(affine.shift_map(offset), affine.shift_map(-offset))

    for undone in undo(theta, offset):
        np.testing.assert_allclose(undone, np.broadcast_to(identity_map(), (30, 3, 3)), atol=1e-6)


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
    image = noise_image(6, 8, 1)
    np.testing.assert_array_equal(resample(image, shift_map(np.float32([40.0, -3e9]))), np.full_like(image, FILL))
