"""Equivariance and invariance of the polar networks under circular shifts, and the convolution's definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.models.polar_trunk import CircularConv, InvariantHead, PolarClassifier, make_polar_trunk

FLOAT = jnp.dtype("float32")


def random_polar(num_angles, seed=0):
    return np.random.default_rng(seed).normal(size=(3, num_angles, 4)).astype(np.float32)


@pytest.mark.parametrize(("num_angles", "size", "stride"), [(12, 5, 2), (12, 3, 1), (4, 9, 2)])
def test_convolution_is_circular_by_definition(num_angles, size, stride):
    conv = CircularConv(5, size, stride, FLOAT)
    polar = random_polar(num_angles)
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(size * 4, 5)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    expected = np.zeros((3, num_angles // stride, 5)) + bias
    for place in range(num_angles // stride):
        for tap in range(size):
            angle = (stride * place + tap - size // 2) % num_angles
            expected[:, place] += np.float64(polar[:, angle]) @ kernel[4 * tap : 4 * tap + 4]
    found = jax.jit(conv.apply)({"params": {"kernel": kernel, "bias": bias}}, polar)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_shifts_of_the_total_stride_shift_the_features_and_leave_the_head_unchanged():
    trunk, head = make_polar_trunk((8, 6, 5), dtype=FLOAT), InvariantHead(7, 3, FLOAT)
    polar = random_polar(16)
    assert trunk.total_stride == 4
    trunk_params = jax.jit(trunk.init)(jax.random.key(0), polar)

    @jax.jit
    def apply(head_params, polar):
        features = trunk.apply(trunk_params, polar)
        return features, head.apply(head_params, features)

    head_params = jax.jit(head.init)(jax.random.key(1), jnp.zeros((1, 4, 5)))
    features, outputs = apply(head_params, polar)
    assert features.shape == (3, 4, 5) and outputs.shape == (3, 3)
    shifted_features, shifted_outputs = apply(head_params, np.roll(polar, 8, axis=1))
    np.testing.assert_allclose(shifted_features, np.roll(features, 2, axis=1), atol=1e-5)
    np.testing.assert_allclose(shifted_outputs, outputs, atol=1e-5)
    assert np.abs(np.subtract(apply(head_params, polar[:, ::-1])[1], outputs)).max() > 0.01  # a mirror image


def test_classifier_is_invariant_and_depends_on_its_input():
    classifier = PolarClassifier(make_polar_trunk((8, 6, 5), dtype=FLOAT), (7, 6), num_clusters=3)
    polar = random_polar(16)
    params = jax.jit(classifier.init)(jax.random.key(0), polar)
    logits = jax.jit(classifier.apply)(params, polar)
    assert logits.shape == (3, 3) and logits.dtype == np.float32 and np.ptp(logits, axis=0).min() > 0.01
    np.testing.assert_allclose(jax.jit(classifier.apply)(params, np.roll(polar, -4, axis=1)), logits, atol=1e-5)


@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_any_number_of_layers(num_layers):
    trunk = make_polar_trunk((4,) * num_layers, dtype=jnp.dtype("bfloat16"))
    assert trunk.total_stride == (2 if num_layers == 1 else 4)
    shapes = jax.eval_shape(trunk.init_with_output, jax.random.key(0), random_polar(8))[0]
    assert shapes.shape == (3, 8 // trunk.total_stride, 4) and shapes.dtype == jnp.bfloat16
