"""IRL-INR: terms of weight zero, neighbours, the published loss, and the initialisation of the hypernetwork."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

from irl_inr_jax.augment.views import example_keys, random_views
from irl_inr_jax.methods import irl_inr
from irl_inr_jax.presets import mnist_u, tiny
from irl_inr_jax.training.optimizer import make_optimizer
from tests.resnet_by_definition import NumpyResNet, apply_dense

SIDE = 8
WEIGHTS = {"recon": 0.5, "cross": 1.0, "consistency": 0.3, "symmetry": 2.0}


def make_config(**loss):
    config = tiny.get_config()
    config.model.encoder.head_widths = (8, 8)
    config.model.hypernet.widths = (8,)
    config.model.inr.update(widths=(8, 8), num_frequencies=8)
    config.loss.update({**WEIGHTS, "consistency_ramp": (0.0, 0.0), "num_pixels": 32, **loss})
    return config


def digit_images(count):
    """Digits on a 16x16 canvas."""
    digits = load_digits().images[:count].astype(np.float32) / 16
    return jnp.asarray(np.pad(digits, ((0, 0), (4, 4), (4, 4))))[..., None]


def test_terms_of_weight_zero_are_absent_and_leave_the_others_unchanged(compile_method, make_images, make_batch):
    compiled, images = compile_method(make_config()), make_images()
    params, model_state = compiled.init(jax.random.key(0), images)
    args = params, model_state, jax.random.key(1), make_batch(images)
    loss, (metrics, _) = jax.jit(compiled.method.loss)(*args)
    for absent in (("recon", "consistency"), ("cross", "symmetry")):
        reduced = compile_method(make_config(**dict.fromkeys(absent, 0.0))).method
        reduced_loss, (others, _) = jax.jit(reduced.loss)(*args)
        assert set(others) == set(metrics) - set(absent)
        for name in set(others) - {"loss"}:
            assert float(others[name]) == pytest.approx(float(metrics[name]), rel=1e-4)
        missing = sum(WEIGHTS[name] * float(metrics[name]) for name in absent)
        assert float(reduced_loss) == pytest.approx(float(loss) - missing, rel=1e-4)


@pytest.mark.parametrize("num_calls", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_neighbour_term_is_that_of_a_view_of_each_image_and_of_its_neighbour(
    compile_method, make_images, make_batch, num_calls
):
    """The other terms do not change; the weight follows its ramp, here half of it a quarter into the run."""
    settings = {"neighbours": 0.7, "neighbours_ramp": (0.0, 0.5)}
    config, images = make_config(**settings), make_images()
    config.model.encoder.num_calls = num_calls
    compiled, without = compile_method(config), compile_method(make_config())
    params, model_state = compiled.init(jax.random.key(0), images)
    batch = make_batch(images).replace(neighbours=images[::-1])
    loss, (metrics, _) = jax.jit(compiled.method.loss)(params, model_state, jax.random.key(1), batch)
    plain_loss, (others, _) = jax.jit(without.method.loss)(params, model_state, jax.random.key(1), make_batch(images))
    for name in set(others) - {"loss"}:
        assert float(metrics[name]) == pytest.approx(float(others[name]), rel=1e-5)
    assert float(loss) == pytest.approx(float(plain_loss) + 0.5 * 0.7 * float(metrics["neighbours"]), rel=1e-5)

    view_key, _, neighbour_key = jax.random.split(jax.random.key(1), 3)
    first_key, _ = jax.random.split(view_key)
    views = [
        random_views(example_keys(key, batch.positions), rows, translation_px=0.0, interpolation="bilinear", fill=0.0)
        for key, rows in ((first_key, images), (neighbour_key, images[::-1]))
    ]
    z = np.concatenate([compiled.encode(params, model_state, rows)[0] for rows in views]).astype(np.float64)
    kernel = 1 / (1 + config.loss.neighbour_scale**2 * ((z[:, None] - z) ** 2).sum(-1)) * (1 - np.eye(12))
    expected = -np.log(kernel[np.arange(12), np.roll(np.arange(12), 6)] / kernel.sum(1)).mean()
    assert float(metrics["neighbours"]) == pytest.approx(expected, rel=1e-4)


def with_flax_initialisation(params, key):
    """Parameters whose last hypernetwork layer is initialised as in `nn.Dense`: LeCun kernel, zero bias."""
    params = jax.tree.map(lambda leaf: leaf, params)
    layers = params["generator"]["MLP_0"]
    last = layers[max(layers)]
    last["kernel"] = jax.nn.initializers.lecun_normal()(key, last["kernel"].shape)
    last["bias"] = jnp.zeros_like(last["bias"])
    return params


def mean_image_error(images):
    """Error of the single best image for all views of `images`, the bound for an INR that ignores its latents."""
    views = random_views(
        jax.random.split(jax.random.key(5), 50 * len(images)),
        jnp.tile(images, (50, 1, 1, 1)),
        translation_px=0.0,
        interpolation="bilinear",
        fill=0.0,
    )
    return float(jnp.mean((views - views.mean(0)) ** 2))


@pytest.mark.slow
def test_ten_steps_train_from_our_initialisation_and_not_from_zero_biases(compile_method, make_batch):
    """The initialisation of the hypernetwork is what lets the reconstruction leave the mean image."""
    config = make_config(recon=1.0, cross=0.0, consistency=0.0, symmetry=0.0, num_pixels=0)
    config.model.hypernet.widths = (64,)
    config.model.inr.update(widths=(64, 64, 64), num_frequencies=32, activation="relu", frequency_std=1.0)
    config.model.encoder.head_widths = (64,)
    config.model.pose.num_rotations = 1
    config.train.update(schedule="constant", warmup_steps=0)
    images, compiled = digit_images(8), compile_method(config)
    params, model_state = compiled.init(jax.random.key(0), images)
    optimizer = make_optimizer(config.train, 11)

    @jax.jit
    def train(params):
        def step(carry, key):
            params, opt_state = carry
            (loss, _), gradients = jax.value_and_grad(compiled.method.loss, has_aux=True)(
                params, model_state, key, make_batch(images)
            )
            updates, opt_state = optimizer.update(gradients, opt_state, params)
            return (optax.apply_updates(params, updates), opt_state), loss

        return jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(jax.random.key(2), 11))[1]

    ours, zero_biases = train(params), train(with_flax_initialisation(params, jax.random.key(3)))
    assert float(ours[10]) < 0.7 * mean_image_error(images) < float(zero_biases[10])


def make_paper_config():
    config = mnist_u.get_config("paper")
    with config.unlocked():
        config.model.latent_dim = 6
        config.model.encoder.update(stage_sizes=(1, 1), width=4, head_widths=(8,))
        config.model.hypernet.widths = (8,)
        config.model.inr.update(widths=(8, 7), num_frequencies=5)
    return config


def test_the_published_loss_encodes_the_views_one_by_one_and_fits_the_centre_of_the_first(make_batch, monkeypatch):
    views = np.random.default_rng(0).uniform(size=(2, 4, SIDE, SIDE, 1)).astype(np.float32)
    monkeypatch.setattr(irl_inr, "make_views", lambda parts, key, batch: jnp.asarray(views.reshape(8, SIDE, SIDE, 1)))
    method = irl_inr.make_method(make_paper_config(), num_channels=1, low=0.0, axis_name=None)
    params, model_state = jax.jit(method.init)(jax.random.key(0), jnp.asarray(views[0]))
    batch = make_batch(jnp.asarray(views[0])).replace(progress=jnp.float32(0.0))
    loss, (metrics, new_state) = jax.jit(method.loss)(params, model_state, jax.random.key(1), batch)

    encoder = params["encoder"]
    variables = {"params": encoder["ResNet_0"], "batch_stats": model_state["batch_stats"]["ResNet_0"]}
    trunks = [NumpyResNet(variables, stem="3x3", train=True) for _ in views]
    outputs = [apply_dense(encoder["MLP_0"], trunk(view)) for trunk, view in zip(trunks, views, strict=True)]
    (z1, centre), (z2, _) = ((output[:, :6], output[:, 6:]) for output in outputs)
    cosines = (z1 * z2).sum(1) / np.linalg.norm(z1, axis=1) / np.linalg.norm(z2, axis=1)
    y, x = np.meshgrid(1 - (2 * np.arange(SIDE) + 1) / SIDE, (2 * np.arange(SIDE) + 1) / SIDE - 1, indexing="ij")
    mass = np.float64(views[0, ..., 0])
    true_centre = np.stack([(mass * x).sum((1, 2)), (mass * y).sum((1, 2))], -1) / mass.sum((1, 2))[:, None]
    consistency, symmetry = np.mean(1 - cosines), np.mean((true_centre - centre) ** 2)
    assert float(metrics["consistency"]) == pytest.approx(consistency, rel=1e-3)
    assert float(metrics["symmetry"]) == pytest.approx(symmetry, rel=1e-3)
    expected = float(metrics["recon"]) + consistency + 15 * symmetry  # in the first step too
    assert float(loss) == pytest.approx(expected, rel=1e-4)

    first, second = (trunk.seen["BatchNorm_0"] for trunk in trunks)
    found = new_state["batch_stats"]["ResNet_0"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(found, 0.9 * 0.1 * first + 0.1 * second, rtol=1e-4, atol=1e-6)
