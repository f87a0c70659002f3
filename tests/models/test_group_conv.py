from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.models import group_conv
from irl_inr_jax.models.group_conv import GroupConvEncoder, disc_taps, position_coords
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import InputError, Pose

GEOMETRIES = [  # side, size, padding, stride: even and odd, with and without a border, few positions and many
    (12, 5, 3, 1),
    (11, 5, 2, 1),
    (12, 6, 2, 2),
    (13, 10, 0, 3),
]


def cut_patches(images, *, size, padding, stride):
    cut = partial(group_conv.cut_patches, taps=disc_taps(size), size=size, padding=padding, stride=stride)
    return jax.jit(cut)(images)


def rotate_filters(filters, num_rotations):
    rotate = partial(group_conv.rotate_filters, num_rotations=num_rotations, taps=disc_taps(len(filters)))
    return jax.jit(rotate)(filters)


geometries = pytest.mark.parametrize(("side", "size", "padding", "stride"), GEOMETRIES)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_encoder(num_rotations, size, padding, stride, *, dtype="float32", disc=True):
    return GroupConvEncoder(
        num_rotations=num_rotations,
        features=3,
        kernel_size=size,
        padding=padding,
        stride=stride,
        num_outputs=5,
        disc=disc,
        dtype=jnp.dtype(dtype),
    )


def encoder_params(encoder, num_channels=1):
    """Parameters of the initial scale, with biases that are not 0; sampled by NumPy, since `init` takes a second."""
    shape = (1, 2 * encoder.kernel_size, 2 * encoder.kernel_size, num_channels)
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), jnp.zeros(shape))["params"]
    leaves, structure = jax.tree.flatten(shapes)
    stds = [np.sqrt(2 / np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 0.1 for leaf in leaves]
    sampled = [
        jnp.asarray(std * noise(*leaf.shape, seed=i)) for i, (leaf, std) in enumerate(zip(leaves, stds, strict=True))
    ]
    return jax.tree.unflatten(structure, sampled)


def respond(encoder, params, images):
    """(b, rows, columns, r, o)."""
    out = np.asarray(jax.jit(encoder.apply)({"params": params}, jnp.asarray(images)))
    side = int(np.sqrt(out.shape[1]))
    return out.reshape(len(out), side, side, *out.shape[2:])


@jax.jit
def rotate(images, theta):
    pose = Pose(theta=jnp.full(len(images), theta), tau=jnp.zeros((len(images), 2)))
    return transform_images(images, pose, interpolation="bilinear", fill=0.0)


def smooth(filters):
    """Filters that bilinear rotation hardly blurs."""
    bell = np.exp(-0.5 * (np.subtract.outer(np.arange(len(filters)), np.arange(len(filters))) / 2.0) ** 2)
    return jnp.asarray(np.einsum("yi,ijcf,xj->yxcf", bell, filters, bell), jnp.float32)


def as_squares(bank, size):
    """(r, size, size, c, f), 0 outside the disc."""
    squares = np.zeros((size * size, *bank.shape[1:]), np.float32)
    squares[disc_taps(size)] = bank
    return np.moveaxis(squares.reshape(size, size, *bank.shape[1:]), 3, 0)


def in_disc(filters):
    size = len(filters)
    mask = np.zeros(size * size, bool)
    mask[disc_taps(size)] = True
    return np.where(mask.reshape(size, size, 1, 1), filters, 0)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 28])
def test_the_disc_has_its_radius_and_is_invariant_under_quarter_rotations(size):
    mask = np.zeros(size * size, bool)
    mask[disc_taps(size)] = True
    mask = mask.reshape(size, size)
    np.testing.assert_array_equal(mask, np.rot90(mask))
    assert mask[size // 2].all()  # it reaches the sides
    assert abs(mask.sum() - np.pi / 4 * size**2) <= 2 * size


@pytest.mark.parametrize("size", [5, 6])
def test_the_bank_is_the_filters_and_their_quarter_rotations(size):
    filters = noise(size, size, 2, 3)
    for num_rotations in (4, 8, 16):
        bank = as_squares(rotate_filters(jnp.asarray(filters), num_rotations), size)
        for quarter in range(4):
            expected = in_disc(np.rot90(filters, quarter))
            np.testing.assert_allclose(bank[quarter * num_rotations // 4], expected, atol=1e-5)


@geometries
def test_positions_are_the_centres_of_the_receptive_fields(side, size, padding, stride):
    x = (2 * np.arange(-padding, side + padding) + 1) / side - 1
    middles = [x[i : i + size].mean() for i in range(0, len(x) - size + 1, stride)]
    expected = [(across, -down) for down in middles for across in middles]
    found = position_coords(side, side, size=size, padding=padding, stride=stride)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_positions_of_images_that_are_not_square():
    found = position_coords(6, 10, size=3, padding=1, stride=1).reshape(6, 10, 2)
    np.testing.assert_allclose(found[:, 0, 1], 1 - (2 * np.arange(6) + 1) / 6, atol=1e-6)
    np.testing.assert_allclose(found[0, :, 0], (2 * np.arange(10) + 1) / 10 - 1, atol=1e-6)


@geometries
def test_patches_times_bank_is_the_convolution_of_each_rotated_filter(side, size, padding, stride):
    images, filters = noise(2, side, side, 2), noise(size, size, 2, 3, seed=1)
    patches = cut_patches(jnp.asarray(images), size=size, padding=padding, stride=stride)
    bank = rotate_filters(jnp.asarray(filters), 4)
    found = np.einsum("btnc,ncrf->btrf", np.float64(patches), np.float64(bank))
    padded = np.pad(images.astype(np.float64), ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    starts = range(0, padded.shape[1] - size + 1, stride)
    for r in range(4):
        rotated = in_disc(np.rot90(filters, r)).astype(np.float64)
        expected = [
            np.tensordot(padded[:, i : i + size, j : j + size], rotated, axes=3) for i in starts for j in starts
        ]
        np.testing.assert_allclose(found[:, :, r], np.stack(expected, axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("side", "size", "padding", "stride", "num_rotations"),
    [*((*geometry, 4) for geometry in GEOMETRIES), *((*geometry, 16) for geometry in GEOMETRIES[1:3])],
)
def test_a_quarter_rotation_of_the_image_rotates_the_positions_and_shifts_the_rotations(
    side, size, padding, stride, num_rotations
):
    encoder = make_encoder(num_rotations, size, padding, stride)
    params = encoder_params(encoder, 2)
    images = noise(2, side, side, 2)
    before, after = np.split(respond(encoder, params, np.concatenate([images, np.rot90(images, axes=(1, 2))])), 2)
    expected = np.roll(np.rot90(before, axes=(1, 2)), num_rotations // 4, axis=3)
    np.testing.assert_allclose(after, expected, atol=1e-4)
    assert np.abs(after - before).max() > 0.1


@pytest.mark.parametrize("num_rotations", [8, 16])
def test_the_least_rotation_shifts_the_rotations_by_one(num_rotations):
    """Up to resampling errors, for a smooth image and smooth filters."""
    encoder = make_encoder(num_rotations, 15, 7, 1)
    params = encoder_params(encoder)
    params = {**params, "filters": smooth(params["filters"])}
    y, x = np.mgrid[1:-1:33j, -1:1:33j]
    image = np.exp(-((x - 0.2) ** 2) / 0.05 - y**2 / 0.02) + 0.7 * np.exp(-((x + 0.3) ** 2 + (y - 0.3) ** 2) / 0.03)
    image = image[None, :, :, None].astype(np.float32)

    before = respond(encoder, params, image)
    after = respond(encoder, params, rotate(image, 2 * np.pi / num_rotations))
    rotated_positions = rotate(before.reshape(1, 33, 33, -1), 2 * np.pi / num_rotations)
    rotated_positions = np.asarray(rotated_positions).reshape(before.shape)

    def error(steps):
        middle = slice(7, -7)  # without the border, where the rotation brings in pixels from outside
        expected = np.roll(rotated_positions, steps, axis=3)[:, middle, middle]
        return np.std(after[:, middle, middle] - expected) / np.std(expected)

    errors = {steps: error(steps) for steps in (-1, 0, 1, 2)}
    assert errors[1] < 0.04, errors
    assert all(errors[steps] > 3 * errors[1] for steps in (-1, 0, 2)), errors


@geometries
def test_translating_the_image_by_the_stride_shifts_the_outputs_by_one_position(side, size, padding, stride):
    encoder = make_encoder(4, size, padding, stride)
    params = encoder_params(encoder, 2)
    images = np.zeros((2, side, side, 2), np.float32)
    images[:, stride:-stride, stride:-stride] = noise(2, side - 2 * stride, side - 2 * stride, 2)
    both = np.concatenate([images, np.roll(images, (-stride, stride), axis=(1, 2))])
    before, after = np.split(respond(encoder, params, both), 2)
    np.testing.assert_allclose(after[:, :-1, 1:], before[:, 1:, :-1], atol=1e-5)
    places = position_coords(side, side, size=size, padding=padding, stride=stride).reshape(*before.shape[1:3], 2)
    np.testing.assert_allclose(places[:-1, 1:] - places[1:, :-1], 0 * places[1:, 1:] + 2 * stride / side, atol=1e-6)


def test_features_of_lower_precision_are_near_and_outputs_stay_float32():
    images = noise(2, 12, 12, 1)
    encoder = make_encoder(8, 6, 2, 2)
    params = encoder_params(encoder)
    exact = respond(encoder, params, images)
    rough = respond(make_encoder(8, 6, 2, 2, dtype="bfloat16"), params, images)
    assert rough.dtype == np.float32
    assert 1e-5 < np.abs(rough - exact).max() < 0.1 * np.abs(exact).max()


def test_the_configuration_is_followed():
    config = tiny.get_config("target_vae")
    config.model.group_conv.update(num_rotations=8, features=6, kernel_size=7, padding=2, stride=3)
    encoder = group_conv.make_group_conv(config, num_outputs=5)
    variables = jax.eval_shape(encoder.init, jax.random.key(0), jnp.zeros((1, 12, 12, 2)))
    assert variables["params"]["filters"].shape == (7, 7, 2, 6)
    out = jax.eval_shape(encoder.apply, variables, jnp.zeros((3, 12, 12, 2)))
    assert out.shape == (3, 16, 8, 5)


def test_a_filter_larger_than_the_padded_image_is_refused():
    encoder = make_encoder(4, 28, 8, 1)
    with pytest.raises(InputError, match=r"kernel_size of at most 26, .* found 28; .*group_conv\.padding"):
        jax.eval_shape(encoder.init, jax.random.key(0), jnp.zeros((1, 10, 10, 1)))


def rotate_bilinear(square, angle):
    """A filter rotated counter-clockwise about its centre: pixel centres, bilinear, zeros outside; float64."""
    size = len(square)
    rotated, middle = np.zeros((size, size)), (size - 1) / 2
    for row in range(size):
        for column in range(size):
            x, y = column - middle, middle - row
            source_x = np.cos(angle) * x + np.sin(angle) * y
            source_y = np.cos(angle) * y - np.sin(angle) * x
            u, v = source_x + middle, middle - source_y
            for i in (int(np.floor(v)), int(np.floor(v)) + 1):
                for j in (int(np.floor(u)), int(np.floor(u)) + 1):
                    if 0 <= i < size and 0 <= j < size:
                        rotated[row, column] += (1 - abs(v - i)) * (1 - abs(u - j)) * square[i, j]
    return rotated


@pytest.mark.parametrize("num_rotations", [4, 8])
def test_published_filters_are_whole_squares_at_every_rotation(num_rotations):
    encoder = make_encoder(num_rotations, 6, 2, 2, disc=False)
    params, images = encoder_params(encoder), noise(2, 12, 12, 1)
    filters = np.float64(params["filters"])
    padded = np.pad(images.astype(np.float64), ((0, 0), (2, 2), (2, 2), (0, 0)))
    starts = range(0, 16 - 6 + 1, 2)
    fields = np.stack([padded[:, i : i + 6, j : j + 6, 0] for i in starts for j in starts], axis=1)
    x = np.zeros((2, len(starts) ** 2, num_rotations, 3))
    for r in range(num_rotations):
        for f in range(3):
            turned = rotate_bilinear(filters[:, :, 0, f], 2 * np.pi * r / num_rotations)
            x[:, :, r, f] = (fields * turned).sum((2, 3)) + params["bias"][f]
    for name in ("Dense_0", "heads"):
        x = np.where(x > 0, x, 0.01 * x) @ np.float64(params[name]["kernel"]) + params[name]["bias"]
    found = jax.jit(encoder.apply)({"params": params}, jnp.asarray(images))
    np.testing.assert_allclose(found, x, rtol=1e-4, atol=1e-4)
