import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from irl_inr_jax.augment import photometric
from irl_inr_jax.augment.photometric import (
    change_brightness,
    change_contrast,
    change_saturation,
    change_sharpness,
    cut_out,
    equalize,
    posterize,
    shift_hue,
    solarize,
    stretch_contrast,
)

BLENDS = (change_brightness, change_contrast, change_saturation, change_sharpness)
REMAPS = {"solarize": lambda image: solarize(image, 0.4), "posterize": lambda image: posterize(image, 4.3)}
REMAPS |= {
    "stretch_contrast": stretch_contrast,
    "equalize": equalize,
    "blur": lambda image: photometric.blur(image, 0.8),
}
CHANGES = {change.__name__: lambda image, change=change: change(image, 0.6) for change in BLENDS} | REMAPS
blur, equalized = jax.jit(photometric.blur), jax.jit(equalize)
channels = pytest.mark.parametrize("num_channels", [1, 3])


def level_image(num_channels, *, height=40, width=31, low=20, high=230, seed=0):
    """Smooth and noisy values on 8-bit levels, without the darkest and the brightest."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, height)[:, None, None] ** 2 * rng.uniform(0.5, 1, num_channels)
    levels = low + (high - low) * np.clip(ramp + rng.normal(0, 0.08, (height, width, num_channels)), 0, 1)
    return np.round(levels).astype(np.uint8)


def to_pil(levels):
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def to_unit(levels):
    return jnp.asarray(levels, jnp.float32) / 255


def assert_like_pil(found, expected, *, levels=1.5):
    """Within the rounding of PIL's base (half a level) and of its result (downwards, by less than one)."""
    expected = np.asarray(expected, np.float64).reshape(found.shape)
    np.testing.assert_allclose(255 * np.asarray(found), expected, atol=levels)


@channels
@pytest.mark.parametrize("factor", [0.05, 0.7, 1.6])
@pytest.mark.parametrize(
    ("change", "enhance"),
    list(
        zip(BLENDS, (getattr(ImageEnhance, n) for n in ("Brightness", "Contrast", "Color", "Sharpness")), strict=True)
    ),
)
def test_blends_are_those_of_pil(change, enhance, factor, num_channels):
    levels = level_image(num_channels)
    expected = enhance(to_pil(levels)).enhance(factor)
    assert_like_pil(change(to_unit(levels), factor), expected, levels=1.5 if factor <= 1 else 2.0)


@channels
def test_posterize_is_exactly_that_of_pil(num_channels):
    levels = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 2, num_channels))
    for bits in (1, 4, 7):
        expected = ImageOps.posterize(to_pil(levels), bits)
        for strength in (float(bits), bits + 0.9):
            assert_like_pil(posterize(to_unit(levels), strength), expected, levels=1e-3)


@channels
def test_solarize_is_exactly_that_of_pil(num_channels):
    levels = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 2, num_channels))
    for threshold in (0, 1, 100, 255):
        expected = ImageOps.solarize(to_pil(levels), threshold)
        assert_like_pil(solarize(to_unit(levels), threshold / 255), expected, levels=1e-3)


@channels
def test_stretched_contrast_is_that_of_pil(num_channels):
    levels = level_image(num_channels)
    found = stretch_contrast(to_unit(levels))
    assert_like_pil(found, ImageOps.autocontrast(to_pil(levels)), levels=1.0)
    assert found.min((0, 1)).tolist() == [0] * num_channels and found.max((0, 1)).tolist() == [1] * num_channels


@channels
@pytest.mark.parametrize("size", [(40, 31), (28, 28), (90, 70), (12, 12)])
def test_equalize_is_exactly_that_of_pil(size, num_channels):
    levels = level_image(num_channels, height=size[0], width=size[1])
    levels[: size[0] // 3] = 0  # a dark background in a third of the image
    assert_like_pil(equalized(to_unit(levels)), ImageOps.equalize(to_pil(levels)), levels=1e-3)


def test_equalized_values_of_a_large_image_are_about_equally_common():
    values = np.random.default_rng(0).beta(2, 6, (128, 128, 1))
    shares, _ = np.histogram(equalized(jnp.asarray(values, jnp.float32)), bins=8, range=(0, 1))
    np.testing.assert_allclose(shares / values.size, 1 / 8, atol=0.02)


@pytest.mark.parametrize("num_channels", [1, 3, 5])
def test_a_factor_of_one_is_the_identity(num_channels):
    image = jnp.asarray(np.random.default_rng(0).uniform(size=(6, 7, num_channels)), jnp.float32)
    for change in BLENDS:
        np.testing.assert_allclose(change(image, 1.0), image, atol=1e-6)


def test_other_neutral_strengths_are_the_identity():
    image = to_unit(level_image(3))
    np.testing.assert_allclose(posterize(image, 8.0), image, atol=1e-6)
    np.testing.assert_array_equal(solarize(image, 1.1), image)
    np.testing.assert_array_equal(cut_out(image, jnp.array([7.0, 7.0]), 0.0, fill=0.5), image)
    np.testing.assert_allclose(shift_hue(image, 0.0), image, atol=1e-6)
    np.testing.assert_allclose(shift_hue(image, 2 * np.pi), image, atol=1e-5)
    np.testing.assert_array_equal(blur(image, 0.0), image)


def test_saturation_leaves_one_channel_and_solarize_undoes_itself_at_zero():
    image = to_unit(level_image(1))
    np.testing.assert_allclose(change_saturation(image, 0.1), image, atol=1e-6)
    np.testing.assert_allclose(solarize(solarize(image, 0.0), 0.0), image, atol=1e-6)


def test_grey_of_other_numbers_of_channels_is_their_mean():
    image = jnp.asarray(np.random.default_rng(0).uniform(size=(4, 5, 5)), jnp.float32)
    grey = np.broadcast_to(np.asarray(image).mean(-1, keepdims=True), image.shape)
    np.testing.assert_allclose(change_saturation(image, 0.0), grey, atol=1e-6)
    np.testing.assert_allclose(change_contrast(image, 0.0), np.full(image.shape, grey.mean()), atol=1e-6)


def test_a_third_of_a_rotation_of_hue_maps_red_to_green_to_blue():
    colours = jnp.eye(3).reshape(1, 3, 3)
    np.testing.assert_allclose(shift_hue(colours, 2 * np.pi / 3), np.roll(colours, 1, axis=-1), atol=1e-6)
    np.testing.assert_allclose(shift_hue(colours, -2 * np.pi / 3), np.roll(colours, -1, axis=-1), atol=1e-6)


def test_hue_leaves_grey_and_keeps_the_sum_of_the_channels():
    middling = jnp.asarray(np.random.default_rng(0).uniform(0.4, 0.6, (5, 5, 3)), jnp.float32)
    np.testing.assert_allclose(shift_hue(middling, 1.0).sum(-1), middling.sum(-1), atol=1e-5)
    grey = jnp.broadcast_to(middling[..., :1], middling.shape)
    np.testing.assert_allclose(shift_hue(grey, 1.0), grey, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 0.8, 1.5])
def test_blur_spreads_a_pixel_to_a_gaussian_of_that_width(sigma):
    size, centre = 21, 10
    spread = np.asarray(blur(jnp.zeros((size, size, 2)).at[centre, centre].set(1.0), sigma), np.float64)
    distance = np.arange(size) - centre
    expected = np.exp(-0.5 * (distance / sigma) ** 2)
    expected /= expected.sum()
    np.testing.assert_allclose(spread, np.outer(expected, expected)[..., None].repeat(2, -1), atol=1e-4)


def test_blur_agrees_with_pil_inside_and_keeps_flat_images_at_the_border():
    levels = level_image(1)
    expected = to_pil(levels).filter(ImageFilter.GaussianBlur(1.2))  # three box blurs, so only about a Gaussian
    difference = 255 * np.asarray(blur(to_unit(levels), 1.2))[..., 0] - np.asarray(expected, np.float64)
    assert np.abs(difference[4:-4, 4:-4]).max() < 3
    np.testing.assert_allclose(blur(jnp.full((6, 9, 1), 0.7), 1.5), 0.7, atol=1e-6)


def test_a_hole_of_three_pixels_is_filled_and_nothing_else():
    image = to_unit(level_image(3, height=9, width=8))
    found = np.asarray(cut_out(image, jnp.array([4.5, 2.5]), 3.0, fill=0.0))
    expected = np.array(image)
    expected[3:6, 1:4] = 0.0
    np.testing.assert_array_equal(found, expected)


def test_a_hole_is_at_most_its_side_wide_at_any_position():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        side, centre = rng.uniform(0, 6), jnp.asarray(rng.uniform(0, 12, 2), jnp.float32)
        hole = np.asarray(cut_out(jnp.zeros((12, 12, 1)), centre, side, fill=1.0))[..., 0]
        for axis in (0, 1):
            assert hole.any(axis).sum() <= np.ceil(side)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("shape", [(9, 8, 3), (9, 9, 5), (2, 2, 1)])
def test_any_change_of_any_image_is_finite_within_the_unit_and_so_is_its_gradient(name, shape):
    change = CHANGES[name]
    noise = np.random.default_rng(0).uniform(size=shape)
    images = jnp.asarray(np.stack([np.zeros(shape), np.ones(shape), np.full(shape, 0.3), noise]), jnp.float32)

    def total(images):
        changed = jax.vmap(change)(images)
        return changed.sum(), changed

    gradient, changed = jax.jit(jax.grad(total, has_aux=True))(images)
    assert changed.shape == images.shape and changed.dtype == jnp.float32
    assert np.isfinite(changed).all() and changed.min() >= -1e-6 and changed.max() <= 1 + 1e-6
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["stretch_contrast", "equalize", "change_contrast", "change_sharpness", "blur"])
def test_a_constant_image_is_unchanged(name):
    flat = jnp.full((20, 20, 3), 0.3)
    np.testing.assert_allclose(jax.jit(CHANGES[name])(flat), flat, atol=1e-6)


@pytest.mark.parametrize("name", CHANGES)
def test_images_of_a_batch_do_not_mix(name):
    images = jnp.stack([to_unit(level_image(3, seed=seed)) for seed in range(3)])
    change = jax.jit(CHANGES[name])
    for image, changed in zip(images, jax.jit(jax.vmap(change))(images), strict=True):
        np.testing.assert_allclose(changed, change(image), atol=1e-5)
