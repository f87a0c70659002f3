from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from irl_inr_jax.augment import affine
from irl_inr_jax.augment import augmentation as package
from irl_inr_jax.augment.augmentation import NUM_OPS, make_augment, parse_names
from irl_inr_jax.config import base
from irl_inr_jax.types import InputError

ALL = "s1+s2+r+t"
FILL = 0.25


def make(names, *, fill=FILL, low=0.0, **changes):
    settings = base.get_config().augment.unlock()
    settings.update(changes)
    return jax.jit(make_augment(names, settings, fill=fill, low=low))


def noise_images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


@partial(jax.jit, static_argnums=0)
def keys_of(num, seed=0):
    return jax.random.split(jax.random.key(seed), num)


def blob_images(num, size=32):
    """A round blob to the right of the centre, so that its centre of mass shows how the image was transformed."""
    x, y = np.meshgrid((2 * np.arange(size) + 1) / size - 1, 1 - (2 * np.arange(size) + 1) / size)
    blob = np.exp(-((x - 0.4) ** 2 + y**2) / 0.02)
    return np.tile(blob[None, :, :, None], (num, 1, 1, 1)).astype(np.float32)


def blob_positions(images):
    """The centre of mass of each image as complex numbers."""
    size = images.shape[1]
    z = ((2 * np.arange(size) + 1) / size - 1) + 1j * (1 - (2 * np.arange(size) + 1) / size)[:, None]
    mass = np.asarray(images, np.float64)[..., 0]
    return (mass * z).sum((1, 2)) / mass.sum((1, 2))


@pytest.mark.parametrize(
    ("names", "expected"),
    [("none", set()), ("", set()), ("r", {"r"}), ("S1+r", {"s1", "r"}), (ALL, {"s1", "s2", "r", "t"})],
)
def test_names_are_joined_by_plus(names, expected):
    assert parse_names(names) == expected


@pytest.mark.parametrize("names", ["s3", "r+flip", "s1,r"])
def test_an_unknown_name_is_refused_with_the_known_ones(names):
    with pytest.raises(InputError, match=r"expected augmentations among s1, s2, r, t joined by \+, or none, found '"):
        make(names)


def test_none_leaves_every_bit():
    images = noise_images(3, 9, 8, 3)
    np.testing.assert_array_equal(make("none")(keys_of(3), images), images)


def test_neutral_settings_leave_the_image():
    neutral = {"jitter": 0.0, "crop_area": (1.0, 1.0), "flip": False, "blur_px": 0.0}
    neutral |= {"num_ops": 0, "cutout_px": 0, "translation": 0.0}
    images = noise_images(20, 9, 8, 3)
    np.testing.assert_allclose(make("s1+s2+t", **neutral)(keys_of(20), images), images, atol=1e-5)


def extreme_images(num_channels):
    shape = (16, 12, 10, num_channels)
    levels = [np.full(shape, level, np.float32) for level in (0.0, 1.0, 0.3)]
    return np.concatenate([noise_images(*shape), *levels])


def assert_in_unit(changed, images):
    changed = np.asarray(changed)
    assert changed.shape == images.shape and changed.dtype == np.float32
    assert np.isfinite(changed).all() and changed.min() >= -1e-6 and changed.max() <= 1 + 1e-6


@pytest.fixture(scope="module")
def augment_all():
    """All augmentations with extreme jitter, compiled once for 64 images of one channel."""
    return make(ALL, jitter=1.5)


@pytest.mark.parametrize(("names", "num_channels"), [("s1", 3), ("s2", 5)])
def test_values_stay_in_the_unit(names, num_channels):
    images = extreme_images(num_channels)
    assert_in_unit(make(names, jitter=1.5)(keys_of(64), images), images)


def test_values_stay_in_the_unit_under_all_augmentations(augment_all):
    images = extreme_images(1)
    assert_in_unit(augment_all(keys_of(64), images), images)


def test_the_gradient_of_the_images_is_finite():
    images, augment = extreme_images(3), make(ALL)
    gradient = jax.jit(jax.grad(lambda images: (augment(keys_of(64), images) ** 2).sum()))(images)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_an_image_is_changed_by_its_own_key_in_any_position(augment_all):
    images, keys = noise_images(64, 12, 10, 1), keys_of(64)
    together = np.asarray(augment_all(keys, images))
    assert np.abs(augment_all(keys_of(64, 1), images) - together).max(axis=(1, 2, 3)).min() > 0.01
    order = np.random.default_rng(0).permutation(64)
    np.testing.assert_allclose(augment_all(keys[order], images[order]), together[order], atol=1e-5)


@pytest.mark.multi_device
def test_an_image_is_changed_the_same_on_any_number_of_devices():
    images, keys, augment = noise_images(16, 12, 10, 1), keys_of(16), make(ALL)
    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec("data"))
    sharded = augment(jax.device_put(keys, sharding), jax.device_put(images, sharding))
    np.testing.assert_allclose(sharded, augment(keys, images), atol=1e-5)


@pytest.fixture(scope="module")
def move():
    """The results of r, of t and of both for 1000 images, compiled once; t shifts by up to a tenth of the side."""
    augments = {names: make(names, translation=0.1) for names in ("r", "t", "r+t")}
    return jax.jit(lambda images: {names: augment(keys_of(1000), images) for names, augment in augments.items()})


@pytest.fixture(scope="module")
def places(move):
    """The positions of the blob after r, after t and after both."""
    moved = move(FILL + (1 - FILL) * blob_images(1000))
    return {names: blob_positions(np.asarray(images, np.float64) - FILL) for names, images in moved.items()}


def test_r_rotates_by_uniform_angles_and_does_nothing_else(places):
    np.testing.assert_allclose(np.abs(places["r"]), 0.4, atol=0.01)
    directions = places["r"] / np.abs(places["r"])
    for harmonic in (1, 2, 3):
        assert np.abs((directions**harmonic).mean()) < 0.09


def test_t_shifts_by_at_most_the_stated_share_and_does_not_rotate(places):
    share, offsets = 0.1, places["t"] - 0.4
    for offset in (offsets.real, offsets.imag):
        assert 0.95 * 2 * share < np.abs(offset).max() <= 2 * share + 1e-3
        assert np.abs(offset.mean()) < 0.02
    assert np.abs(np.corrcoef(offsets.real, offsets.imag)[0, 1]) < 0.15


def test_an_added_name_does_not_change_the_random_numbers_of_the_others(places):
    shifts = places["t"] - 0.4
    np.testing.assert_allclose(places["r+t"], places["r"] + shifts, atol=5e-3)  # first the rotation, then the shift


def test_r_and_t_alone_keep_the_values(move):
    images = np.full((1000, 32, 32, 1), FILL, np.float32)
    for names, moved in move(images).items():
        np.testing.assert_allclose(moved, images, atol=1e-6, err_msg=names)


def test_only_flip_mirrors():
    """Without flip no image is mirrored; with it about half are."""
    neutral = {"jitter": 0.0, "crop_area": (1.0, 1.0), "blur_px": 0.0, "fill": 0.0}
    augments = [make("s1", flip=flip, **neutral) for flip in (False, True)]
    kept, places = jax.jit(lambda images: [augment(keys_of(200), images) for augment in augments])(
        blob_images(200, size=24)
    )
    np.testing.assert_allclose(blob_positions(kept), 0.4, atol=1e-2)
    places = blob_positions(places)
    np.testing.assert_allclose(np.abs(places.real), 0.4, atol=1e-2)
    assert 0.35 < (places.real < 0).mean() < 0.65


def test_values_change_in_four_of_five_images_monotonically():
    images = np.broadcast_to(noise_images(1, 6, 6, 1), (500, 6, 6, 1))
    changed = np.asarray(make("s1", crop_area=(1.0, 1.0), blur_px=0.0)(keys_of(500), images))
    assert 0.74 < (np.abs(changed - images).max((1, 2, 3)) > 1e-4).mean() < 0.86
    unclipped = changed.reshape(500, -1)[changed.reshape(500, -1).max(-1) < 0.99]
    ranks = np.asarray(images[0]).ravel().argsort()
    assert (np.diff(unclipped[:, ranks]) >= -1e-5).all()


def test_a_hole_is_filled_and_no_larger_than_stated(monkeypatch):
    monkeypatch.setattr(package, "VALUE_OPS", {})  # compiled, but never applied, with num_ops = 0
    augments = {largest: make("s2", num_ops=0, cutout_px=largest) for largest in (3, 8)}
    cut = jax.jit(lambda images: {largest: augment(keys_of(300), images) for largest, augment in augments.items()})
    for largest, found in cut(np.ones((300, 20, 20, 2), np.float32)).items():
        found = np.asarray(found)
        hole = np.isclose(found, FILL)
        assert np.isclose(found[~hole], 1.0, atol=1e-5).all()
        np.testing.assert_array_equal(hole[..., 0], hole[..., 1])
        sides = hole[..., 0].any(1).sum(-1)
        assert sides.max() == largest and hole[..., 0].any(2).sum(-1).max() == largest
        np.testing.assert_array_equal(hole[..., 0].sum((1, 2)), sides * hole[..., 0].any(2).sum(-1))


def test_operations_are_sampled_equally_often_and_without_replacement(monkeypatch):
    """Each operation is replaced by one that marks its own pixel, or its own entry of the map."""

    def marker(i):
        return lambda image, _: image.at[i, 0, 0].add(1.0)

    def make_mark(i):
        return lambda _: affine.identity_map().at[i // 3, i % 3].add(1.0)

    monkeypatch.setattr(package, "VALUE_OPS", {n: (marker(i), 0.0, 1.0) for i, n in enumerate(package.VALUE_OPS)})
    monkeypatch.setattr(package, "AFFINE_OPS", {n: (make_mark(i), 0.0, 1.0) for i, n in enumerate(package.AFFINE_OPS)})
    monkeypatch.setattr(package.affine, "compose_maps", lambda first, second: first + second - affine.identity_map())
    num = 4000

    @jax.jit
    @jax.vmap
    def apply_ops(key):
        return {num_ops: package._apply_ops(key, jnp.zeros((8, 1, 1)), num_ops) for num_ops in (1, 4, 14)}

    for num_ops, (images, maps) in apply_ops(keys_of(num)).items():
        marks = (np.asarray(maps) - np.eye(3, dtype=np.float32)).reshape(num, 9)[:, :5]
        sampled = np.concatenate([np.asarray(images)[:, :, 0, 0], marks], axis=1)
        assert NUM_OPS == 14 and set(np.unique(sampled)) <= {0.0, 1.0}
        nothing = num_ops - sampled.sum(1)
        assert set(np.unique(nothing)) <= {0.0, 1.0}  # the fourteenth
        frequencies = np.append(sampled.mean(0), nothing.mean())
        np.testing.assert_allclose(frequencies, num_ops / 14, atol=0.035)


def test_strengths_are_within_their_ranges(monkeypatch):
    ranges = [(low, high) for _, low, high in package.VALUE_OPS.values()]
    write = {i: (lambda image, v, i=i: image.at[i, 0, 0].set(v), low, high) for i, (low, high) in enumerate(ranges)}
    monkeypatch.setattr(package, "VALUE_OPS", write)
    apply_ops = jax.jit(jax.vmap(lambda key: package._apply_ops(key, jnp.zeros((8, 1, 1)), NUM_OPS)[0]))
    for found, (low, high) in zip(np.asarray(apply_ops(keys_of(500)))[:, :, 0, 0].T, ranges, strict=True):
        margin = 0.05 * (high - low)
        assert low <= found.min() < low + margin and high - margin < found.max() <= high


def test_signed_images_are_changed_like_their_copies_in_the_unit_interval(augment_all):
    """Compare with the same random numbers on (x + 1) / 2: values below 0 are not clipped."""
    signed, keys = 2 * noise_images(64, 12, 10, 1) - 1, keys_of(64)
    changed = np.asarray(make(ALL, jitter=1.5, fill=2 * FILL - 1, low=-1.0)(keys, signed))
    np.testing.assert_allclose(changed, 2 * np.asarray(augment_all(keys, (signed + 1) / 2)) - 1, atol=1e-5)
    assert changed.min() < -0.3
