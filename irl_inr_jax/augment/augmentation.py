"""Random augmentations on the device (paper, Appendix C): S1, S2, R and T, each switched by its name.

    s1  random crop resized to the whole image, mirror, colour, blur: those of SimCLR
    s2  RandAugment and a cutout hole: the strong ones of SCAN
    r   rotation by a uniform random angle        t  uniform random translation

Values change first, on the original pixels; then all affine maps in one resampling step; then blur and cutout. The
operations of RandAugment (Cubuk et al. 2020) and their strengths are those of SCAN, but an operation is sampled at most
once per image and applied in the order of the tables below: under vmap every operation is computed for every image, and
this way only once.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.augment import affine, photometric
from irl_inr_jax.types import InputError

NAMES = ("s1", "s2", "r", "t")
# Strengths are uniform between these bounds: factors, degrees, shares of the side, bits, thresholds.
VALUE_OPS = {
    "auto_contrast": (lambda image, _: photometric.stretch_contrast(image), 0.0, 1.0),
    "equalize": (lambda image, _: photometric.equalize(image), 0.0, 1.0),
    "solarize": (photometric.solarize, 0.0, 1.0),
    "color": (photometric.change_saturation, 0.05, 0.95),
    "contrast": (photometric.change_contrast, 0.05, 0.95),
    "brightness": (photometric.change_brightness, 0.05, 0.95),
    "sharpness": (photometric.change_sharpness, 0.05, 0.95),
    "posterize": (photometric.posterize, 4.0, 8.0),
}
AFFINE_OPS = {
    "rotate": (lambda degrees: affine.rotation_map(jnp.radians(degrees)), -30.0, 30.0),
    "shear_x": (lambda shear: affine.shear_map(shear, 0.0), -0.1, 0.1),
    "shear_y": (lambda shear: affine.shear_map(0.0, shear), -0.1, 0.1),
    "translate_x": (lambda share: affine.shift_map(jnp.array([2 * share, 0.0])), -0.1, 0.1),
    "translate_y": (lambda share: affine.shift_map(jnp.array([0.0, 2 * share])), -0.1, 0.1),
}
NUM_OPS = 1 + len(VALUE_OPS) + len(AFFINE_OPS)  # one of them is the identity

Augment = Callable[[jax.Array, Float[Array, "b h w c"]], Float[Array, "b h w c"]]


def parse_names(names: str) -> frozenset[str]:
    """Parse 's1+r' to {'s1', 'r'}; 'none' is no augmentation. Raises InputError for an unknown name."""
    chosen = [name for name in names.lower().split("+") if name not in ("", "none")]
    for name in chosen:
        if name not in NAMES:
            raise InputError(f"expected augmentations among {', '.join(NAMES)} joined by +, or none, found {name!r}")
    return frozenset(chosen)


def make_augment(names: str, settings: ConfigDict, *, fill: float, low: float) -> Augment:
    """Return augment(keys (b,), images (b, h, w, c) in [low, 1]) -> images of the same shape, one key per image.

    settings: `config.augment`. fill: the value outside an image and in holes. Photometric operations are defined on
    values in [0, 1]; images of another range are mapped there and back.

    Raises InputError for an unknown name.
    """
    chosen = parse_names(names)
    fill = (fill - low) / (1 - low)

    def one(key: jax.Array, image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        s1_key, s2_key, rotation_key, shift_key = jax.random.split(key, 4)
        color_key, crop_key, flip_key, blur_key = jax.random.split(s1_key, 4)
        op_key, hole_key = jax.random.split(s2_key)
        affine_map = affine.identity_map()
        if "s1" in chosen:
            image = _distort_color(color_key, image, settings.jitter)
            affine_map = affine.compose_maps(affine_map, affine.sample_crop_map(crop_key, tuple(settings.crop_area)))
            if settings.flip:
                affine_map = affine.compose_maps(
                    affine_map, affine.flip_map(jax.random.bernoulli(flip_key).astype(jnp.float32))
                )
        if "s2" in chosen:
            image, op_map = _apply_ops(op_key, image, settings.num_ops)
            affine_map = affine.compose_maps(affine_map, op_map)
        if "r" in chosen:
            affine_map = affine.compose_maps(
                affine_map, affine.rotation_map(jax.random.uniform(rotation_key, maxval=2 * jnp.pi))
            )
        if "t" in chosen:
            offset = 2 * settings.translation * jax.random.uniform(shift_key, (2,), minval=-1.0)
            affine_map = affine.compose_maps(affine_map, affine.shift_map(offset))
        if chosen:
            image = affine.resample(image, affine_map, fill=fill)
        if "s1" in chosen and settings.blur_px:
            image = photometric.blur(image, settings.blur_px * jax.random.uniform(blur_key))
        if "s2" in chosen and settings.cutout_px:
            image = _cut_hole(hole_key, image, settings.cutout_px, fill)
        return image

    def within_range(key: jax.Array, image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        return low + (1 - low) * one(key, (image - low) / (1 - low))

    return jax.vmap(one if low == 0 else within_range)


def _distort_color(key: jax.Array, image: Float[Array, "h w c"], strength: float) -> Float[Array, "h w c"]:
    """Change brightness, contrast and saturation by factors within `strength` of 1, hue by up to strength / 4.

    Hue is an angle, here in units of the full circle.
    """
    apply_key, factor_key, hue_key = jax.random.split(key, 3)
    changes = (photometric.change_brightness, photometric.change_contrast, photometric.change_saturation)
    factors = jax.random.uniform(factor_key, (len(changes),), minval=max(0.0, 1 - strength), maxval=1 + strength)
    changed = image
    for factor, change in zip(factors, changes, strict=True):
        changed = change(changed, factor)
    if image.shape[-1] == 3:
        angle = 2 * jnp.pi * strength / 4 * jax.random.uniform(hue_key, minval=-1.0)
        changed = photometric.shift_hue(changed, angle)
    return jnp.where(jax.random.bernoulli(apply_key, 0.8), changed, image)


def _apply_ops(key: jax.Array, image: Float[Array, "h w c"], num_ops: int) -> tuple[Array, affine.Map]:
    """Apply the sampled photometric operations to the image; return it and the map of the sampled affine operations."""
    choice_key, strength_key = jax.random.split(key)
    chosen = jax.random.permutation(choice_key, NUM_OPS) < num_ops
    strengths = jax.random.uniform(strength_key, (NUM_OPS,))
    affine_map = affine.identity_map()
    for i, (change, low, high) in enumerate(VALUE_OPS.values()):
        image = jnp.where(chosen[i], change(image, low + (high - low) * strengths[i]), image)
    for i, (make_map, low, high) in enumerate(AFFINE_OPS.values(), start=len(VALUE_OPS)):
        composed = affine.compose_maps(affine_map, make_map(low + (high - low) * strengths[i]))
        affine_map = jnp.where(chosen[i], composed, affine_map)
    return image, affine_map


def _cut_hole(key: jax.Array, image: Float[Array, "h w c"], largest: int, fill: float) -> Float[Array, "h w c"]:
    """Fill a square hole of random centre and of a side uniform in [0, largest] pixels."""
    side_key, place_key = jax.random.split(key)
    side = jax.random.uniform(side_key, maxval=float(largest))
    centre = jax.random.uniform(place_key, (2,)) * jnp.array([image.shape[0], image.shape[1]], jnp.float32)
    return photometric.cut_out(image, centre, side, fill=fill)
