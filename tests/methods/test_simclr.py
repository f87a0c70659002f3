"""SimCLR: its loss against float64, its views, and the same step on eight devices as on one."""

import dataclasses
import functools
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from irl_inr_jax.presets import tiny
from jax.sharding import PartitionSpec as P

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import AXIS, make_mesh, replicate
from irl_inr_jax.evaluation.pipeline import EvaluationOptions, evaluate
from irl_inr_jax.methods import simclr
from irl_inr_jax.methods.losses import contrastive_loss, cosine_similarities
from irl_inr_jax.report.figures.run_figures import save_run_figures
from irl_inr_jax.report.results_table import describe_results
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.training.step import init_state, make_take_step, make_train_step, make_train_steps
from irl_inr_jax.types import Batch, Scaling

SIDE = 16
TEMPERATURE = 0.3

GOLDEN_LOSSES = [2.236997, 2.126775]


def reference_loss(projections, temperature):
    """Equation 1 of the paper, pair by pair. projections: (2b, p), all first views first."""
    z = np.asarray(projections, np.float64)
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = []
    for i in range(len(z)):
        others = sum(np.exp(z[i] @ z[k] / temperature) for k in range(len(z)) if k != i)
        terms.append(-np.log(np.exp(z[i] @ z[(i + len(z) // 2) % len(z)] / temperature) / others))
    return np.mean(terms)


@jax.jit
def nt_xent(projections):
    return contrastive_loss(*simclr.compare_views(projections, None), TEMPERATURE)


def projections_of(num_images, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(2 * num_images, 5)), jnp.float32)


def make_config(trunk="mlp", **settings):
    config = tiny.get_config("simclr")
    config.simclr.update(temperature=TEMPERATURE, **settings)
    if trunk == "resnet18":
        config.model.encoder.update(trunk=trunk, stage_sizes=(1, 1), width=8, stem="3x3", head_widths=())
    return config


def make_images(count=6, low=0.0):
    """Noise, and last a blank image and a constant one."""
    noise = np.random.default_rng(0).uniform(low, 1.0, size=(count, SIDE, SIDE, 1))
    noise[-2:] = np.array([0.0, 0.6])[:, None, None, None]
    return jnp.asarray(noise, jnp.float32)


def make_batch(images, positions=None):
    positions = jnp.arange(len(images)) if positions is None else positions
    return Batch(images=images, positions=positions, progress=jnp.float32(0.25))


def start(config, images, low=0.0):
    method = simclr.make_method(config, num_channels=1, low=low, axis_name=None)
    return method, *jax.jit(method.init)(jax.random.key(0), images)


@functools.cache
def compiled(trunk="mlp"):
    method = simclr.make_method(make_config(trunk), num_channels=1, low=0.0, axis_name=None)
    return jax.jit(jax.value_and_grad(method.loss, has_aux=True))


@pytest.mark.parametrize("num_images", [1, 2, 7])
def test_the_loss_is_the_papers_equation_in_float64(num_images):
    projections = projections_of(num_images)
    assert float(nt_xent(projections)) == pytest.approx(reference_loss(projections, TEMPERATURE), rel=1e-5, abs=1e-6)


def test_the_loss_is_blind_to_scale_to_the_order_of_images_and_of_views():
    projections = projections_of(6)
    expected = float(nt_xent(projections))
    scale = 10.0 ** jnp.linspace(-2, 6, 12)[:, None]
    order = np.random.default_rng(1).permutation(6)
    assert float(nt_xent(projections * scale)) == pytest.approx(expected, rel=1e-5)
    assert float(nt_xent(projections[np.concatenate([order, order + 6])])) == pytest.approx(expected, rel=1e-5)
    assert float(nt_xent(jnp.roll(projections, 6, axis=0))) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_views_all_alike_and_of_perfect_ones():
    assert float(nt_xent(jnp.ones((16, 5)))) == pytest.approx(np.log(15), rel=1e-5)
    sharp = contrastive_loss(*simclr.compare_views(jnp.tile(jnp.eye(5), (2, 1)), None), 1e-3)
    assert 0 <= float(sharp) < 1e-6


def test_zero_projections_count_as_orthogonal_and_give_no_nan():
    projections = projections_of(4).at[2].set(0.0)
    value, gradient = jax.value_and_grad(nt_xent)(projections)
    assert np.isfinite(float(value)) and np.isfinite(gradient).all() and np.any(gradient[3])
    assert not np.any(gradient[2]) and not np.any(cosine_similarities(projections, projections)[2])
    blank, gradient = jax.value_and_grad(nt_xent)(jnp.zeros((8, 5)))
    assert float(blank) == pytest.approx(np.log(7), rel=1e-5) and not np.any(gradient)


@pytest.mark.parametrize("trunk", ["mlp", "resnet18"])
def test_gradients_are_finite_with_blank_images_and_reach_both_networks(trunk):
    images = make_images()
    _, params, model_state = start(make_config(trunk), images)
    (loss, (metrics, updated)), gradients = compiled(trunk)(params, model_state, jax.random.key(1), make_batch(images))
    assert set(metrics) == {"loss", "contrastive", "alignment", "top1"}
    assert float(loss) == float(metrics["loss"]) == float(metrics["contrastive"]) > 0
    assert -1 <= metrics["alignment"] <= 1 and 0 <= metrics["top1"] <= 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, updated)))
    for network in ("encoder", "projection"):
        assert all(np.any(leaf) for leaf in jax.tree.leaves(gradients[network]))


def test_encode_has_the_contracts_shapes_and_no_pose_and_needs_the_encoder_alone():
    config, images = make_config("resnet18"), make_images()
    method, params, model_state = start(config, images)
    latents, pose = jax.jit(method.encode)({"encoder": params["encoder"]}, model_state, images)
    assert latents.shape == (6, config.model.latent_dim) and latents.dtype == jnp.float32
    assert pose is None and method.reconstruct is None
    assert set(params) == {"encoder", "projection"} and set(model_state) == {"batch_stats"}


def test_the_loss_is_that_of_the_projected_latents_of_the_views(monkeypatch):
    """Views that are dimmed, each image by its own key, can be made and encoded here as well."""
    seen = []

    def make_dim(names, settings, *, fill, low):
        seen.append((names, fill, low))
        return lambda keys, images: images * jax.vmap(jax.random.uniform)(keys)[:, None, None, None]

    monkeypatch.setattr(simclr, "make_augment", make_dim)
    images = make_images()[:4]
    method, params, model_state = start(make_config(), images)
    key, positions = jax.random.key(3), jnp.array([4, 5, 6, 7])
    loss, (metrics, _) = jax.jit(method.loss)(params, model_state, key, make_batch(images, positions))

    keys = [jax.random.fold_in(k, position) for k in jax.random.split(key) for position in positions]
    views = jnp.concatenate([images, images]) * jnp.stack([jax.random.uniform(k) for k in keys])[:, None, None, None]
    latents, _ = jax.jit(method.encode)(params, model_state, views)
    layers = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["projection"])
    hidden = np.maximum(np.asarray(latents) @ layers["Dense_0"]["kernel"] + layers["Dense_0"]["bias"], 0)
    z = hidden @ layers["Dense_1"]["kernel"] + layers["Dense_1"]["bias"]
    norms = np.linalg.norm(z, axis=1)
    similar = z @ z.T / np.outer(norms, norms)
    partners = np.roll(np.arange(8), 4)
    nearest = (similar - 3 * np.eye(8)).argmax(axis=1)
    assert seen == [("s1+r+t", 0.0, 0.0)]
    assert float(loss) == pytest.approx(reference_loss(z, TEMPERATURE), rel=1e-4)
    assert float(metrics["alignment"]) == pytest.approx(similar[np.arange(8), partners].mean(), rel=1e-4)
    assert float(metrics["top1"]) == pytest.approx(np.mean(nearest == partners))


@pytest.mark.parametrize("low", [0.0, -1.0])
@pytest.mark.parametrize("names", ["s1", "s1+r", "s1+r+t"])
def test_views_differ_and_are_drawn_by_position(monkeypatch, names, low):
    kept = {}
    build = simclr.Parts

    def keep(**fields):
        kept["parts"] = build(**fields)
        return kept["parts"]

    monkeypatch.setattr(simclr, "Parts", keep)
    images = jnp.broadcast_to(make_images(low=low)[:1], (4, SIDE, SIDE, 1))
    method, params, model_state = start(make_config(augment=names), images, low=low)
    views = functools.partial(simclr.make_views, kept["parts"], jax.random.key(2))
    both = np.asarray(views(make_batch(images)))
    assert both.shape == (8, SIDE, SIDE, 1) and both.min() >= low - 1e-5 and both.max() <= 1 + 1e-5
    apart = np.abs(both[:, None] - both).max((2, 3, 4)) + np.eye(8)
    assert apart.min() > 1e-2
    shared = np.asarray(views(make_batch(images[:2], jnp.array([2, 3]))))
    np.testing.assert_allclose(shared, both[[2, 3, 6, 7]], atol=1e-5)
    loss, _ = jax.jit(method.loss)(params, model_state, jax.random.key(1), make_batch(images))
    assert np.isfinite(float(loss))


def run_steps(num_devices, num_steps=3):
    """State and metrics after steps with SGD, since Adam hides a gradient that is off by a factor."""
    config = make_config("resnet18")
    stored = np.random.default_rng(0).integers(0, 256, size=(32, SIDE, SIDE, 1)).astype(np.uint8)
    optimizer = optax.sgd(0.05, momentum=0.9)
    local, mapped = (simclr.make_method(config, num_channels=1, low=0.0, axis_name=name) for name in (None, AXIS))
    state = init_state(local, optimizer, jax.random.key(1), jnp.asarray(stored[:4], jnp.float32) / 255)
    first = jax.tree.map(np.asarray, state.params)
    train_step = make_train_step(
        mapped, optimizer, total_steps=10, scaling=Scaling(1 / 255, 0.0, 0.0, ""), axis_name=AXIS
    )
    mesh = make_mesh(jax.devices()[:num_devices])
    take_step = make_take_step(
        make_train_steps(train_step, 1), mesh, stored, state_specs=P(), batch_size=16, steps_per_call=1
    )
    state = replicate(state, mesh)
    for step in range(num_steps):
        state, metrics = take_step(state, np.random.default_rng(step).permutation(32)[None, :16].astype(np.int32))
    return first, *jax.device_get((state.params, state.model_state, metrics))


def test_eight_devices_learn_what_one_learns():
    """Each anchor is told apart from the views on all devices, and gradients flow back between them."""
    first, params, model_state, metrics = run_steps(1)
    _, *eight = run_steps(8)
    moved = max(np.abs(a - b).max() for a, b in zip(*map(jax.tree.leaves, (first, params)), strict=True))
    assert moved > 1e-3
    for one, other in zip(jax.tree.leaves((params, model_state)), jax.tree.leaves(eight[:2]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * moved)
    for name, value in metrics.items():
        np.testing.assert_allclose(value, eight[2][name], rtol=1e-4, err_msg=name)


def test_two_golden_steps():
    images = make_images()
    _, params, model_state = start(make_config(), images)
    losses = []
    for key in jax.random.split(jax.random.key(4), 2):
        (loss, (_, model_state)), gradients = compiled()(params, model_state, key, make_batch(images))
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients)
        losses.append(float(loss))
    assert losses == pytest.approx(GOLDEN_LOSSES, rel=1e-3)


@contextmanager
def silent(what, total):
    yield lambda done, note: None


def no_words(line):
    pass


@pytest.mark.parametrize("pose_is_known", [True, False])
def test_a_run_without_pose_is_clustered_measured_and_drawn(tmp_path, pose_is_known):
    config = tiny.get_config("simclr").unlock()
    config.data.update(num_train=48, num_test=24)
    config.clustering.scan.update(num_epochs=1, selflabel_epochs=1, batch_size=16, augment="r")
    config.clustering.dec.num_epochs = 1
    dataset = make_dataset(config.data)
    if not pose_is_known:
        dataset = dataclasses.replace(dataset, test=dataclasses.replace(dataset.test, pose=None))
    method, params, model_state = start(config, make_images())
    trained = TrainedMethod(method, params, model_state, scaling=dataset.scaling, batch_size=16)
    clusterers = ["kmeans", "scan", "dec"]
    asked = EvaluationOptions("test", False, clusterers, num_clusters="4", num_seeds=1, folder=None, scores_only=False)
    evaluation = evaluate(trained, dataset, config, asked, say=no_words, progress=silent)
    assert evaluation.embeddings.pose is None and evaluation.predicted_pose is None
    assert set(evaluation.clusterings) == {"pixels_kmeans", *clusterers}
    assert all(len(clustering.clusters) == 24 for clustering in evaluation.clusterings.values())
    assert evaluation.results["invariance"]["ratio"] > 0
    assert not {"pose", "pose_within_classes", "reconstruction"} & set(evaluation.results)
    assert "rotation" not in describe_results(evaluation.results)
    paths = save_run_figures(tmp_path, trained, dataset, dataset.test, evaluation, config, say=no_words)
    names = {path.stem for path in paths}
    assert names == {"latents", *(f"{kind}_{name}" for kind in ("confusion", "clusters") for name in clusterers)}
