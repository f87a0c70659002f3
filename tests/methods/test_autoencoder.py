"""Autoencoders of pixels: what they render, and the gradient of a pose through the interpolation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.methods import METHODS, parts
from irl_inr_jax.models.decoder import make_decoder
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import Pose

SIDE = 8


def make_config(variant="autoencoder"):
    config = tiny.get_config(variant)
    config.model.encoder.update(head_widths=(8, 8), stage_sizes=(1, 1), width=4)
    return config


def decode(config, params, latents, *, size=(SIDE, SIDE), channels=1, low=0.0):
    """Images of the decoder applied directly."""
    decoder = make_decoder(config, num_channels=channels)
    logits = jax.jit(functools.partial(decoder.apply, size=size))({"params": params["generator"]}, latents)
    return low + (1 - low) * jax.nn.sigmoid(logits)


@pytest.mark.parametrize(
    ("size", "channels", "low", "fill"),
    [((SIDE, SIDE), 1, 0.0, 0.4), pytest.param((7, 10), 3, -1.0, 0.0, marks=pytest.mark.slow)],
    ids=["grey", "rgb"],
)
def test_reconstructions_are_the_decoders_image_transformed(compile_method, size, channels, low, fill):
    config = make_config()
    config.views.fill = fill
    images = jnp.asarray(np.random.default_rng(0).uniform(low, 1, size=(4, *size, channels)), jnp.float32)
    compiled = compile_method(config, num_channels=channels, low=low)
    params, model_state = compiled.init(jax.random.key(0), images)
    params["generator"] = jax.tree.map(lambda leaf: 3 * leaf, params["generator"])  # images with contrast
    latents = jax.random.normal(jax.random.key(1), (4, config.model.latent_dim))
    expected = decode(config, params, latents, size=size, channels=channels, low=low)
    assert float(expected.std()) > 0.1

    grid = jnp.broadcast_to(pixel_grid(*size), (4, size[0] * size[1], 2))
    canonical = compiled.reconstruct(params, model_state, latents, grid).reshape(expected.shape)
    np.testing.assert_allclose(canonical, expected, atol=1e-5)
    pose = Pose(
        theta=jnp.array([0.0, 0.5, -2.0, 3.0]), tau=jnp.array([[0.3, 0.0], [0.0, 0.0], [0.5, -0.2], [2.0, 2.5]])
    )
    found = compiled.reconstruct(params, model_state, latents, transform_coords(grid, invert_pose(pose)))
    transformed = transform_images(expected, pose, interpolation="bilinear", fill=fill)
    np.testing.assert_allclose(found.reshape(expected.shape), transformed, atol=1e-4)
    assert float(found.min()) >= low and float(found.max()) <= 1


@pytest.mark.parametrize("trunk", ["mlp", pytest.param("resnet18", marks=pytest.mark.slow)])
def test_the_first_image_is_near_the_mean_pixel_and_depends_on_the_latents(compile_method, make_images, trunk):
    for channels, low in ((1, 0.0), (3, -1.0)):
        config = make_config()
        config.model.encoder.update(input="raw", trunk=trunk)
        compiled, images = compile_method(config, num_channels=channels, low=low), make_images(channels, low)
        params, model_state = compiled.init(jax.random.key(0), images)
        latents = jax.random.normal(jax.random.key(1), (6, config.model.latent_dim))
        grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (6, SIDE * SIDE, 2))
        values = np.asarray(compiled.reconstruct(params, model_state, latents, grid))
        assert np.sqrt(np.mean((values - np.asarray(images.mean((0, 1, 2)))) ** 2)) < 0.1 * (1 - low)
        assert np.abs(values[0] - values[1]).max() > 1e-3


def test_a_predicted_pose_gets_its_gradient_through_the_interpolation(compile_method, make_images, make_batch):
    config, images = make_config(), make_images()
    config.loss.update(recon=1.0, cross=0.0, consistency=0.0, symmetry=0.0)
    config.model.encoder.input, config.model.pose.form = "raw", "moment"
    compiled = compile_method(config)
    params, model_state = compiled.init(jax.random.key(0), images)
    params["generator"] = jax.tree.map(lambda leaf: 3 * leaf, params["generator"])
    _, gradients = compiled.step(params, model_state, jax.random.key(1), make_batch(images))
    layers = gradients["encoder"]["MLP_0"]
    head = np.asarray(layers[max(layers)]["bias"])[config.model.latent_dim :]
    assert head.shape == (4,) and np.isfinite(head).all() and np.all(np.abs(head) > 1e-7)


def test_without_a_pose_the_loss_is_that_of_an_ordinary_autoencoder(
    compile_method, make_images, make_batch, monkeypatch
):
    config, images = make_config("pixel_autoencoder"), make_images()
    config.loss.num_pixels = 0
    compiled = compile_method(config)
    params, model_state = compiled.init(jax.random.key(0), images)
    monkeypatch.setattr(parts, "random_views", lambda keys, images, **settings: images)
    loss, (metrics, _) = jax.jit(compiled.method.loss)(params, model_state, jax.random.key(1), make_batch(images))
    latents, _ = compiled.encode(params, model_state, images)
    expected = np.mean((np.asarray(decode(config, params, latents)) - np.asarray(images)) ** 2)
    assert float(loss) == pytest.approx(expected, rel=1e-4) == float(metrics["recon"])


def test_only_the_loss_of_the_thesis_has_noise(make_images):
    """The encoder has outputs for the scale of the noise with 'copies' and none with 'pair'."""
    for variant, num_aux in (("autoencoder", 0), ("thesis,autoencoder", 8)):
        config = make_config(variant)
        config.model.encoder.input, config.model.pose.form = "raw", "moment"
        method = METHODS["autoencoder"](config, num_channels=1, low=0.0, axis_name=None)
        params, _ = jax.eval_shape(method.init, jax.random.key(0), make_images())
        layers = params["encoder"]["MLP_0"]
        assert layers[max(layers)]["bias"].shape == (8 + 4 + num_aux,)
