import jax
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from irl_inr_jax.augment import photometric
from irl_inr_jax.augment.photometric import (
    change_brightness,
    change_contrast,
    change_saturation,
    change_sharpness,
    posterize,
    solarize,
    stretch_contrast,
)

BLENDS = {
    "Brightness": change_brightness,
    "Contrast": change_contrast,
    "Color": change_saturation,
    "Sharpness": change_sharpness,
}


def blend_all(image, factor):
    """The result of every blend, by the name that PIL's ImageEnhance gives it."""
    return {name: change(image, factor) for name, change in BLENDS.items()}


def remap_all(image, threshold, bits, sigma):
    """The result of every other change of an image of any number of channels, by its name."""
    return {
        "solarize": solarize(image, threshold),
        "posterize": posterize(image, bits),
        "stretch_contrast": stretch_contrast(image),
        "equalize": photometric.equalize(image),
        "blur": photometric.blur(image, sigma),
    }


def change_all(image):
    """The result of every change at a medium strength, by name."""
    return blend_all(image, 0.6) | remap_all(image, 0.4, 4.3, 0.8)


# Compiled once per number of channels: most tests use images of the same size.
blends, compiled_remaps = jax.jit(blend_all), jax.jit(remap_all)
equalize, shift_hue = jax.jit(photometric.equalize), jax.jit(photometric.shift_hue)
cut_out = jax.jit(photometric.cut_out, static_argnames="fill")
channels = pytest.mark.parametrize("num_channels", [1, 3])


def remaps(image, *, threshold=0.4, bits=4.3, sigma=0.8):
    return compiled_remaps(image, threshold, bits, sigma)


def level_image(num_channels, *, height=40, width=31, low=20, high=230, seed=0):
    """Smooth and noisy values on 8-bit levels, without the darkest and the brightest."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, height)[:, None, None] ** 2 * rng.uniform(0.5, 1, num_channels)
    levels = low + (high - low) * np.clip(ramp + rng.normal(0, 0.08, (height, width, num_channels)), 0, 1)
    return np.round(levels).astype(np.uint8)


def to_pil(levels):
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def to_unit(levels):
    return np.asarray(levels, np.float32) / np.float32(255)


def all_levels(num_channels):
    """An image of the size of `level_image` with all 256 levels."""
    levels = (np.arange(40 * 31) % 256).astype(np.uint8).reshape(40, 31, 1)
    return levels.repeat(num_channels, axis=-1)


def assert_like_pil(found, expected, *, levels=1.5):
    """Within the rounding of PIL's base (half a level) and of its result (downwards, by less than one)."""
    expected = np.asarray(expected, np.float64).reshape(found.shape)
    np.testing.assert_allclose(255 * np.asarray(found), expected, atol=levels)


@channels
@pytest.mark.parametrize("factor", [0.05, 0.7, 1.6])
def test_blends_are_those_of_pil(factor, num_channels):
    levels = level_image(num_channels)
    for name, found in blends(to_unit(levels), factor).items():
        expected = getattr(ImageEnhance, name)(to_pil(levels)).enhance(factor)
        assert_like_pil(found, expected, levels=1.5 if factor <= 1 else 2.0)


@channels
def test_posterize_is_exactly_that_of_pil(num_channels):
    levels = all_levels(num_channels)
    for bits in (1, 4, 7):
        expected = ImageOps.posterize(to_pil(levels), bits)
        for strength in (float(bits), bits + 0.9):
            assert_like_pil(remaps(to_unit(levels), bits=strength)["posterize"], expected, levels=1e-3)


@channels
def test_solarize_is_exactly_that_of_pil(num_channels):
    levels = all_levels(num_channels)
    for threshold in (0, 1, 100, 255):
        expected = ImageOps.solarize(to_pil(levels), threshold)
        assert_like_pil(remaps(to_unit(levels), threshold=threshold / 255)["solarize"], expected, levels=1e-3)


@channels
def test_stretched_contrast_is_that_of_pil(num_channels):
    levels = level_image(num_channels)
    found = np.asarray(remaps(to_unit(levels))["stretch_contrast"])
    assert_like_pil(found, ImageOps.autocontrast(to_pil(levels)), levels=1.0)
    assert found.min((0, 1)).tolist() == [0] * num_channels and found.max((0, 1)).tolist() == [1] * num_channels


def test_equalize_is_exactly_that_of_pil():
    images = []
    for height, width, num_channels in ((40, 31, 1), (40, 31, 3), (28, 28, 3), (90, 70, 3), (12, 12, 1)):
        levels = level_image(num_channels, height=height, width=width)
        levels[: height // 3] = 0  # a dark background in a third of the image
        images.append(levels)
    equalize_each = jax.jit(lambda images: [photometric.equalize(image) for image in images])
    for levels, found in zip(images, equalize_each([to_unit(levels) for levels in images]), strict=True):
        assert_like_pil(found, ImageOps.equalize(to_pil(levels)), levels=1e-3)


def test_equalized_values_of_a_large_image_are_about_equally_common():
    values = np.random.default_rng(0).beta(2, 6, (128, 128, 1))
    shares, _ = np.histogram(equalize(values.astype(np.float32)), bins=8, range=(0, 1))
    np.testing.assert_allclose(shares / values.size, 1 / 8, atol=0.02)


@pytest.mark.parametrize("num_channels", [1, 3, 5])
def test_a_factor_of_one_is_the_identity(num_channels):
    image = np.random.default_rng(0).uniform(size=(40, 31, num_channels)).astype(np.float32)
    for name, changed in blends(image, 1.0).items():
        np.testing.assert_allclose(changed, image, atol=1e-6, err_msg=name)


def test_other_neutral_strengths_are_the_identity():
    image = to_unit(level_image(3))
    changed = remaps(image, threshold=1.1, bits=8.0, sigma=0.0)
    np.testing.assert_allclose(changed["posterize"], image, atol=1e-6)
    np.testing.assert_array_equal(changed["solarize"], image)
    np.testing.assert_array_equal(changed["blur"], image)
    np.testing.assert_allclose(shift_hue(image, 0.0), image, atol=1e-6)
    np.testing.assert_allclose(shift_hue(image, 2 * np.pi), image, atol=1e-5)
    image = to_unit(level_image(3, height=12, width=12))
    np.testing.assert_array_equal(cut_out(image, np.float32([7.0, 7.0]), 0.0, fill=0.5), image)


def test_saturation_leaves_one_channel_and_solarize_undoes_itself_at_zero():
    image = to_unit(level_image(1))
    np.testing.assert_allclose(blends(image, 0.1)["Color"], image, atol=1e-6)
    once = remaps(image, threshold=0.0)["solarize"]
    np.testing.assert_allclose(remaps(once, threshold=0.0)["solarize"], image, atol=1e-6)


def test_grey_of_other_numbers_of_channels_is_their_mean():
    image = np.random.default_rng(0).uniform(size=(40, 31, 5)).astype(np.float32)
    grey = np.broadcast_to(image.mean(-1, keepdims=True), image.shape)
    changed = blends(image, 0.0)
    np.testing.assert_allclose(changed["Color"], grey, atol=1e-6)
    np.testing.assert_allclose(changed["Contrast"], np.full(image.shape, grey.mean()), atol=1e-6)


def test_a_third_of_a_rotation_of_hue_maps_red_to_green_to_blue():
    colours = np.broadcast_to(np.eye(3, dtype=np.float32)[np.arange(31) % 3], (40, 31, 3))
    np.testing.assert_allclose(shift_hue(colours, 2 * np.pi / 3), np.roll(colours, 1, axis=-1), atol=1e-6)
    np.testing.assert_allclose(shift_hue(colours, -2 * np.pi / 3), np.roll(colours, -1, axis=-1), atol=1e-6)


def test_hue_leaves_grey_and_keeps_the_sum_of_the_channels():
    middling = np.random.default_rng(0).uniform(0.4, 0.6, (40, 31, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(shift_hue(middling, 1.0)).sum(-1), middling.sum(-1), atol=1e-5)
    grey = np.broadcast_to(middling[..., :1], middling.shape)
    np.testing.assert_allclose(shift_hue(grey, 1.0), grey, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 0.8, 1.5])
def test_blur_spreads_a_pixel_to_a_gaussian_of_that_width(sigma):
    image = np.zeros((40, 31, 3), np.float32)
    image[20, 14] = 1.0
    spread = np.asarray(remaps(image, sigma=sigma)["blur"], np.float64)
    rows, columns = (np.exp(-0.5 * (d / sigma) ** 2) for d in (np.arange(40) - 20, np.arange(31) - 14))
    expected = np.outer(rows / rows.sum(), columns / columns.sum())
    np.testing.assert_allclose(spread, expected[..., None].repeat(3, -1), atol=1e-4)


def test_blur_agrees_with_pil_inside_and_keeps_flat_images_at_the_border():
    levels = level_image(1)
    expected = to_pil(levels).filter(ImageFilter.GaussianBlur(1.2))  # three box blurs, so only about a Gaussian
    difference = 255 * np.asarray(remaps(to_unit(levels), sigma=1.2)["blur"])[..., 0] - np.asarray(expected, np.float64)
    assert np.abs(difference[4:-4, 4:-4]).max() < 3
    flat = np.full((40, 31, 1), 0.7, np.float32)
    np.testing.assert_allclose(remaps(flat, sigma=1.5)["blur"], flat, atol=1e-6)


def test_a_hole_of_three_pixels_is_filled_and_nothing_else():
    image = to_unit(level_image(3, height=12, width=12))
    found = np.asarray(cut_out(image, np.float32([4.5, 2.5]), 3.0, fill=0.5))
    expected = np.array(image)
    expected[3:6, 1:4] = 0.5
    np.testing.assert_array_equal(found, expected)


def test_a_hole_is_at_most_its_side_wide_at_any_position():
    blank = np.zeros((12, 12, 3), np.float32)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        side, centre = rng.uniform(0, 6), rng.uniform(0, 12, 2).astype(np.float32)
        hole = np.asarray(cut_out(blank, centre, side, fill=0.5))[..., 0] > 0
        for axis in (0, 1):
            assert hole.any(axis).sum() <= np.ceil(side)


@pytest.mark.parametrize("shape", [(9, 8, 3), (9, 9, 5), (2, 2, 1)])
def test_any_change_of_any_image_is_finite_within_the_unit_and_so_is_its_gradient(shape):
    noise = np.random.default_rng(0).uniform(size=shape)
    images = np.stack([np.zeros(shape), np.ones(shape), np.full(shape, 0.3), noise]).astype(np.float32)

    def total(images):
        changes = jax.vmap(change_all)(images)
        return sum(changed.sum() for changed in changes.values()), changes

    # One number that is not finite in the gradient of any change makes their sum not finite.
    gradient, changes = jax.jit(jax.grad(total, has_aux=True))(images)
    assert np.isfinite(gradient).all()
    assert len(changes) == 9
    for name, changed in changes.items():
        assert changed.shape == images.shape and changed.dtype == np.float32, name
        changed = np.asarray(changed)
        assert np.isfinite(changed).all() and changed.min() >= -1e-6 and changed.max() <= 1 + 1e-6, name


def test_a_constant_image_is_unchanged():
    flat = np.full((40, 31, 3), 0.3, np.float32)
    changed = blends(flat, 0.6) | remaps(flat)
    for name in ("stretch_contrast", "equalize", "Contrast", "Sharpness", "blur"):
        np.testing.assert_allclose(changed[name], flat, atol=1e-6, err_msg=name)


def test_images_of_a_batch_do_not_mix():
    images = np.stack([to_unit(level_image(3, seed=seed)) for seed in range(3)])
    together = jax.jit(jax.vmap(change_all))(images)
    assert len(together) == 9
    for i, image in enumerate(images):
        for name, alone in (blends(image, 0.6) | remaps(image)).items():
            np.testing.assert_allclose(together[name][i], alone, atol=1e-5, err_msg=name)
