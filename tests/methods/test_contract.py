"""The contract of a method, stated in `irl_inr_jax.types.Method`, held by every method in all its forms."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.methods import METHODS
from irl_inr_jax.presets import tiny, wm811k

ROTATIONS_ONLY = {"model.pose.translation": False}
RAW = {"model.encoder.input": "raw"}
POLAR = {"model.encoder.trunk": "polar", "model.encoder.polar.num_angles": 8, "model.encoder.polar.num_radii": 3}
RESNET = {"model.encoder.trunk": "resnet18", "model.encoder.stage_sizes": (1,), "model.encoder.width": 4}


class Case(NamedTuple):
    """A variant of configs/tiny.py with changes, and the losses of two steps of gradient descent at `rate`."""

    variant: str
    golden: tuple[float, float]
    changes: Mapping[str, Any] = MappingProxyType({})
    num_channels: int = 1
    low: float = 0.0
    rate: float = 0.1


CASES = {
    "irl_inr": Case("irl_inr", (0.242316, 0.157428)),
    "irl_inr, closed form of raw images": Case("irl_inr", (0.461692, 0.281647), RAW),
    "irl_inr, moment, resnet, signed colour": Case(
        "irl_inr", (0.530160, 2.351050), {**RAW, **RESNET, "model.pose.form": "moment"}, 3, -1.0
    ),
    "irl_inr, polar": Case("irl_inr", (0.311403, 0.158801), POLAR),
    "thesis": Case("thesis", (0.078923, 0.074905)),
    "thesis, closed form": Case("thesis", (0.301831, 0.289104), {**ROTATIONS_ONLY, "model.pose.form": "closed_form"}),
    "mlp_generator, rotations only": Case("mlp_generator", (0.444542, 0.466413), ROTATIONS_ONLY),
    "autoencoder": Case("autoencoder", (0.234384, 0.155276)),
    "autoencoder, copies": Case("thesis,autoencoder", (0.080858, 0.074520)),
    "autoencoder, no pose": Case("pixel_autoencoder", (0.063771, 0.062144)),
    "spatial_vae": Case("spatial_vae", (47.836231, 39.738979), rate=1e-4),
    "spatial_vae, resnet, features, colour": Case(
        "spatial_vae", (136.062988, 113.846107), {**RESNET, "model.spatial.num_frequencies": 6}, 3, rate=1e-4
    ),
    "spatial_vae, rotations only, all pixels, signed bfloat16": Case(
        "spatial_vae",
        (50.100842, 45.389103),
        {**ROTATIONS_ONLY, "loss.num_pixels": 0, "model.dtype": "bfloat16"},
        1,
        -1.0,
        1e-4,
    ),
    "target_vae": Case("target_vae", (66.813759, 62.008141), rate=1e-3),
    "target_vae, rotations only, signed, no features": Case(
        "target_vae", (69.243935, 67.452881), {**ROTATIONS_ONLY, "model.spatial.num_frequencies": 0}, 1, -1.0, 1e-3
    ),
    "simclr": Case("simclr", (2.393079, 2.538479), RESNET),
    "orbit_knn": Case("orbit_knn", (0.0, 0.0)),
    "wafer_features": Case("wafer_features", (0.0, 0.0)),
    "wafer_features, signed colour": Case("wafer_features", (0.0, 0.0), num_channels=3, low=-1.0),
}
FURTHER = [name for name in CASES if ", " in name and name != "mlp_generator, rotations only"]  # forms of a method
TRAINING_FREE = ("orbit_knn", "wafer_features")


def tiny_config(variant):
    """The variant of configs/tiny.py; of configs/wm811k.py, with shifts, for the method that only it offers."""
    if variant != "wafer_features":
        return tiny.get_config(variant)
    config = wm811k.get_config(variant)
    config.model.pose.translation = True
    return config


def make_config(case):
    """The case's configuration with every term of its loss switched on."""
    config = tiny_config(case.variant)
    config.model.latent_dim = 2 if config.method == "spatial_vae" else 4
    config.model.initial_weights = "scaled"
    config.model.encoder.head_widths = (8, 8)
    config.model.encoder.polar.update(widths=(8, 8), head_width=8, pose_widths=(8,))
    config.model.hypernet.widths = (8,)
    config.model.inr.update(widths=(8, 8), num_frequencies=8)
    config.model.spatial.update(widths=(8, 8), num_frequencies=min(config.model.spatial.num_frequencies, 8))
    config.model.group_conv.update(kernel_size=5, padding=2, stride=1)
    config.loss.num_pixels = 32
    if case.variant != "pixel_autoencoder":
        config.loss.update(recon=0.5, cross=1.0, consistency=0.3, consistency_ramp=(0.0, 0.5), symmetry=2.0)
    config.vae.kl = 0.7
    config.views.translation_px = 1.0 if config.model.pose.translation else 0.0
    config.update_from_flattened_dict(dict(case.changes))
    return config


class Made(NamedTuple):
    """A method at its initial parameters, with its first loss and gradient."""

    case: Case
    config: Any
    compiled: Any
    params: Any
    model_state: Any
    images: jax.Array
    loss: jax.Array
    metrics: dict
    new_state: Any
    gradients: Any


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name in FURTHER else ()) for name in CASES],
)
def made(request, compile_method, make_images, make_batch):
    case = CASES[request.param]
    config = make_config(case)
    compiled = compile_method(config, num_channels=case.num_channels, low=case.low)
    images = make_images(case.num_channels, case.low)
    params, model_state = compiled.init(jax.random.key(0), images)
    (loss, (metrics, new_state)), gradients = compiled.step(params, model_state, jax.random.key(1), make_batch(images))
    return Made(case, config, compiled, params, model_state, images, loss, metrics, new_state, gradients)


def has_training(made):
    return bool(jax.tree.leaves(made.params))


def encode(made, images=None, params=None):
    return made.compiled.encode(
        made.params if params is None else params, made.model_state, made.images if images is None else images
    )


def random_points(num_images, num_points=11):
    points = np.random.default_rng(1).uniform(-1.3, 1.3, size=(num_images, num_points, 2))
    return jnp.asarray(points, jnp.float32)


def test_every_method_has_a_fast_case():
    fast = [case for name, case in CASES.items() if name not in FURTHER]
    assert sorted(tiny_config(case.variant).method for case in fast) == sorted(METHODS)


def test_encode_and_reconstruct_return_the_shapes_and_ranges_of_the_contract(made):
    latents, pose = encode(made)
    assert latents.shape[0] == 6 and latents.ndim == 2 and latents.dtype == jnp.float32 and np.isfinite(latents).all()
    assert (pose is None) == (made.config.method == "simclr" or made.config.model.pose.form == "none")
    if pose is not None:
        assert pose.theta.shape == (6,) and pose.tau.shape == (6, 2)
        assert np.isfinite(pose.theta).all() and np.isfinite(pose.tau).all()
        assert bool(np.any(pose.tau)) == made.config.model.pose.translation
    assert (made.compiled.reconstruct is None) == (made.config.method in ("simclr", *TRAINING_FREE))
    if made.compiled.reconstruct is not None:
        values = made.compiled.reconstruct(made.params, made.model_state, latents, random_points(6))
        assert values.shape == (6, 11, made.case.num_channels) and values.dtype == jnp.float32
        assert np.all(np.asarray(values) >= made.case.low) and np.all(np.asarray(values) <= 1)


def expected_weights(made):
    """Weight of every loss term by name, a quarter of the run being done."""
    loss, method = made.config.loss, made.config.method
    if method in ("simclr", *TRAINING_FREE):
        return {"contrastive": 1.0} if method == "simclr" else {}
    if method.endswith("vae"):
        names = ("kl_theta", "kl_latents", "kl_attention" if method == "target_vae" else "kl_tau")
        is_known = made.config.model.pose.translation or method == "target_vae"
        return {"recon": 1.0} | {name: 0.7 for name in names if is_known or name != "kl_tau"}
    consistency = loss.consistency * (0.5 if loss.consistency_ramp[1] else 1.0)
    weights = {"recon": loss.recon, "cross": loss.cross, "consistency": consistency, "symmetry": loss.symmetry}
    if method == "thesis" or (method == "autoencoder" and loss.views == "copies"):
        del weights["cross"]
    return {name: weight for name, weight in weights.items() if weight}


def test_the_loss_is_the_weighted_sum_of_its_terms(made):
    weights = expected_weights(made)
    others = {"simclr": {"alignment", "top1"}} | {name: set() for name in (*TRAINING_FREE, "spatial_vae", "target_vae")}
    assert set(made.metrics) == {"loss", *weights} | others.get(made.config.method, {"head_error_deg"})
    assert all(float(made.metrics[name]) >= 0 for name in weights)
    expected = sum(weight * float(made.metrics[name]) for name, weight in weights.items())
    assert float(made.loss) == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_finite_is_among_the_metrics_and_changes_no_structure(made):
    assert made.loss.shape == () and np.isfinite(made.loss) and float(made.loss) == float(made.metrics["loss"])
    assert all(np.isfinite(value) and np.shape(value) == () for value in made.metrics.values())
    assert jax.tree.structure(made.new_state) == jax.tree.structure(made.model_state)
    for name in set(made.model_state) - {"batch_stats"}:
        jax.tree.map(np.testing.assert_array_equal, made.new_state[name], made.model_state[name])
    old, new = (jax.tree.leaves(state.get("batch_stats", {})) for state in (made.model_state, made.new_state))
    assert all(np.isfinite(b).all() and np.any(np.asarray(a) != np.asarray(b)) for a, b in zip(old, new, strict=True))


def test_gradients_are_finite_with_blank_images_and_reach_every_parameter(made):
    assert jax.tree.structure(made.gradients) == jax.tree.structure(made.params)
    for path, leaf in jax.tree.leaves_with_path(made.gradients):
        assert np.isfinite(leaf).all() and np.any(leaf), jax.tree_util.keystr(path)


def test_a_checkpoint_can_hold_the_state(made):
    """Orbax refuses arrays without entries, such as the frequencies of a network without Fourier features."""
    assert all(leaf.size for leaf in jax.tree.leaves((made.params, made.model_state)))


def test_random_numbers_depend_on_the_key_and_the_positions_in_the_batch_only(made, make_batch):
    def loss(key, images, positions):
        batch = make_batch(images, positions)
        return float(made.compiled.step(made.params, made.model_state, jax.random.key(key), batch)[0][0])

    positions, order = np.arange(6), np.array([3, 0, 5, 1, 4, 2])
    expected = float(made.loss)
    assert loss(1, made.images, positions) == expected
    assert loss(1, made.images[order], positions[order]) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    if has_training(made):
        assert loss(2, made.images, positions) != pytest.approx(expected, rel=1e-5)
        assert loss(1, made.images, positions + 6) != pytest.approx(expected, rel=1e-5)


def test_each_image_is_encoded_and_each_point_reconstructed_by_itself(made):
    latents, pose = encode(made)
    order, points = np.array([3, 0, 5, 1, 4, 2]), random_points(6)
    shuffled, shuffled_pose = encode(made, made.images[order])
    np.testing.assert_allclose(shuffled, np.asarray(latents)[order], atol=1e-5)
    if pose is not None:
        np.testing.assert_allclose(shuffled_pose.tau, np.asarray(pose.tau)[order], atol=1e-5)
    if made.compiled.reconstruct is not None:
        render = made.compiled.reconstruct
        values = np.asarray(render(made.params, made.model_state, latents, points))
        atol = 2e-2 if made.config.model.dtype == "bfloat16" else 1e-5
        reordered = render(made.params, made.model_state, latents[order], points[order][:, ::-1])
        np.testing.assert_allclose(reordered, values[order][:, ::-1], atol=atol)
        assert np.ptp(values) > 1e-4


def test_latents_depend_on_the_parameters_of_the_encoder_only(made):
    latents, _ = encode(made)
    others = {name: jax.tree.map(jnp.zeros_like, part) for name, part in made.params.items() if name != "encoder"}
    assert "encoder" in made.params
    np.testing.assert_array_equal(encode(made, params={**made.params, **others})[0], latents)
    if has_training(made):
        changed = {**made.params, "encoder": jax.tree.map(lambda leaf: 1.5 * leaf + 0.01, made.params["encoder"])}
        assert np.abs(np.asarray(encode(made, params=changed)[0]) - latents).max() > 1e-3


def test_the_first_reconstructions_are_near_the_mean_pixel(made):
    if made.compiled.reconstruct is None:
        return
    latents = jnp.zeros_like(encode(made)[0])
    values = made.compiled.reconstruct(made.params, made.model_state, latents, 0.6 * random_points(6))
    scale = 1 - made.case.low
    np.testing.assert_allclose(values.mean((0, 1)) / scale, made.images.mean((0, 1, 2)) / scale, atol=0.12)


def test_invariant_methods_are_equivariant_under_quarter_rotations(made):
    """Canonical input and polar images give invariant latents and an equivariant pose before any training."""
    if made.config.model.encoder.input != "canonical" or made.config.method in ("simclr", "spatial_vae", "target_vae"):
        return
    images = made.images[:4]
    latents, pose = encode(made, jnp.concatenate([images, images[:2]]))
    rotated = jnp.rot90(images, axes=(1, 2))
    rotated_latents, rotated_pose = encode(made, jnp.concatenate([rotated, rotated[:2]]))
    np.testing.assert_allclose(rotated_latents, latents, atol=1e-3)
    assert np.asarray(latents[:4]).std(0).max() > 1e-3
    x, y = np.asarray(pose.tau).T
    np.testing.assert_allclose(rotated_pose.tau, np.stack([-y, x], axis=-1), atol=1e-5)
    difference = np.asarray(rotated_pose.theta) - np.asarray(pose.theta) - np.pi / 2
    np.testing.assert_allclose(np.angle(np.exp(1j * difference)), 0, atol=1e-3)


def test_two_steps_have_the_recorded_losses(made, make_batch):
    params, model_state, losses = made.params, made.model_state, []
    for key in jax.random.split(jax.random.key(4), 2):
        (loss, (_, model_state)), gradients = made.compiled.step(params, model_state, key, make_batch(made.images))
        params = jax.tree.map(lambda p, g: p - made.case.rate * g, params, gradients)
        losses.append(float(loss))
    assert losses == pytest.approx(made.case.golden, rel=1e-3)


@pytest.mark.parametrize("name", METHODS)
def test_no_method_reads_the_settings_of_clustering(name, make_images):
    config = tiny_config(name).unlock()
    config.model.group_conv.update(kernel_size=5, padding=2)
    del config.clustering
    method = METHODS[name](config, num_channels=1, low=0.0, axis_name=None)
    params, model_state = jax.eval_shape(method.init, jax.random.key(0), make_images())
    assert jax.eval_shape(method.encode, params, model_state, make_images())[0].shape[0] == 6
