"""SimCLR: its loss against float64, its views, and the same gradient on several devices as on one."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import AXIS, make_mesh
from irl_inr_jax.evaluation.pipeline import EvaluationOptions, evaluate
from irl_inr_jax.methods import simclr
from irl_inr_jax.methods.losses import contrastive_loss, cosine_similarities
from irl_inr_jax.methods.pairs import gather_pairs
from irl_inr_jax.presets import tiny
from irl_inr_jax.report.figures.run_figures import save_run_figures
from irl_inr_jax.report.results_table import describe_results
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Batch

SIDE = 8
TEMPERATURE = 0.3


def reference_loss(projections, temperature):
    """Equation 1 of the paper, pair by pair. projections: (2b, p), all first views first."""
    z = np.asarray(projections, np.float64)
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = []
    for i in range(len(z)):
        others = sum(np.exp(z[i] @ z[k] / temperature) for k in range(len(z)) if k != i)
        terms.append(-np.log(np.exp(z[i] @ z[(i + len(z) // 2) % len(z)] / temperature) / others))
    return np.mean(terms)


@functools.partial(jax.jit, static_argnames="temperature")
def nt_xent(projections, temperature=TEMPERATURE):
    pairs = gather_pairs(projections, None)
    similarities = cosine_similarities(projections, pairs.candidates)
    return contrastive_loss(similarities, pairs.is_self, pairs.is_positive, temperature)


def projections_of(num_images, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(2 * num_images, 5)), jnp.float32)


def make_config(trunk="mlp", **settings):
    config = tiny.get_config("simclr")
    config.simclr.update(temperature=TEMPERATURE, projection_widths=(8, 8), **settings)
    config.model.encoder.update(trunk=trunk, stage_sizes=(1,), width=4, stem="3x3", head_widths=(8,))
    return config


def test_the_loss_is_the_papers_equation_in_float64():
    for num_images in (1, 2, 7):
        projections = projections_of(num_images)
        expected = reference_loss(projections, TEMPERATURE)
        assert float(nt_xent(projections)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_the_loss_is_invariant_to_scale_and_to_the_order_of_images_and_views():
    projections = projections_of(6)
    expected = float(nt_xent(projections))
    scale = 10.0 ** jnp.linspace(-2, 6, 12)[:, None]
    order = np.random.default_rng(1).permutation(6)
    assert float(nt_xent(projections * scale)) == pytest.approx(expected, rel=1e-5)
    assert float(nt_xent(projections[np.concatenate([order, order + 6])])) == pytest.approx(expected, rel=1e-5)
    assert float(nt_xent(jnp.roll(projections, 6, axis=0))) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_identical_views_and_of_perfect_ones():
    assert float(nt_xent(jnp.ones((16, 5)))) == pytest.approx(np.log(15), rel=1e-5)
    sharp = nt_xent(jnp.tile(jnp.eye(5), (2, 1)), temperature=1e-3)
    assert 0 <= float(sharp) < 1e-6


def test_zero_projections_count_as_orthogonal_and_give_no_nan():
    projections = projections_of(4).at[2].set(0.0)
    value, gradient = jax.value_and_grad(nt_xent)(projections)
    assert np.isfinite(float(value)) and np.isfinite(gradient).all() and np.any(gradient[3])
    assert not np.any(gradient[2]) and not np.any(cosine_similarities(projections, projections)[2])
    blank, gradient = jax.value_and_grad(nt_xent)(jnp.zeros((8, 5)))
    assert float(blank) == pytest.approx(np.log(7), rel=1e-5) and not np.any(gradient)


def test_the_loss_is_that_of_the_projected_latents_of_the_views(make_images, make_batch, monkeypatch):
    """Views that are dimmed, each image by its own key, can be made and encoded in the test."""
    calls = []

    def make_dim(names, settings, *, fill, low):
        calls.append((names, fill, low))
        return lambda keys, images: images * jax.vmap(jax.random.uniform)(keys)[:, None, None, None]

    monkeypatch.setattr(simclr, "make_augment", make_dim)
    images = make_images()[:4]
    method = simclr.make_method(make_config(), num_channels=1, low=0.0, axis_name=None)
    params, model_state = jax.jit(method.init)(jax.random.key(0), images)
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
    assert calls == [("s1+r+t", 0.0, 0.0)]
    assert float(loss) == pytest.approx(reference_loss(z, TEMPERATURE), rel=1e-4)
    assert float(metrics["alignment"]) == pytest.approx(similar[np.arange(8), partners].mean(), rel=1e-4)
    assert float(metrics["top1"]) == pytest.approx(np.mean(nearest == partners))


@pytest.mark.parametrize(
    ("names", "low"),
    [
        pytest.param("s1", 0.0, marks=pytest.mark.slow),
        pytest.param("s1+r", -1.0, marks=pytest.mark.slow),
        ("s1+r+t", 0.0),
    ],
)
def test_views_differ_and_are_sampled_by_position(make_images, make_batch, names, low):
    method = simclr.make_method(make_config(augment=names), num_channels=1, low=low, axis_name=None)
    make_views = jax.jit(functools.partial(simclr.make_views, method.loss.args[0]))
    images = jnp.broadcast_to(make_images(low=low)[:1], (4, SIDE, SIDE, 1))
    views = np.asarray(make_views(jax.random.key(2), make_batch(images)))
    assert views.shape == (8, SIDE, SIDE, 1) and views.min() >= low - 1e-5 and views.max() <= 1 + 1e-5
    difference = np.abs(views[:, None] - views).max((2, 3, 4)) + np.eye(8)
    assert difference.min() > 1e-2
    second_half = np.asarray(make_views(jax.random.key(2), make_batch(images[:2], jnp.array([2, 3]))))
    np.testing.assert_allclose(second_half, views[[2, 3, 6, 7]], atol=1e-5)


@pytest.mark.multi_device
def test_the_loss_and_gradient_of_four_devices_are_those_of_one():
    """Each anchor is compared with the views on all devices, and gradients flow back between them."""
    config = make_config("resnet18")
    local, mapped = (simclr.make_method(config, num_channels=1, low=0.0, axis_name=name) for name in (None, AXIS))
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(8, SIDE, SIDE, 1)), jnp.float32)
    params, model_state = jax.jit(local.init)(jax.random.key(0), images)
    batch = Batch(images=images, positions=jnp.arange(8), progress=jnp.float32(0.25), neighbours=None)
    specs = Batch(images=P(AXIS), positions=P(AXIS), progress=P(), neighbours=None)

    def step(method, params, batch):
        (_, (metrics, new_state)), gradients = jax.value_and_grad(method.loss, has_aux=True)(
            params, model_state, jax.random.key(1), batch
        )
        return metrics, new_state, gradients

    def mapped_step(params, batch):
        return jax.lax.pmean(step(mapped, params, batch), AXIS)

    assert len(jax.devices()) == 4
    sharded = jax.shard_map(
        mapped_step, mesh=make_mesh(jax.devices()), in_specs=(P(), specs), out_specs=P(), check_vma=False
    )
    one = jax.jit(functools.partial(step, local))(params, batch)
    four = jax.jit(sharded)(params, batch)
    assert float(jnp.abs(one[2]["encoder"]["MLP_0"]["Dense_0"]["kernel"]).max()) > 1e-3
    for expected, found in zip(jax.tree.leaves(one), jax.tree.leaves(four), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("pose_is_known", [True, False])
def test_a_run_without_pose_is_clustered_evaluated_and_plotted(tmp_path, make_images, pose_is_known):
    config = tiny.get_config("simclr").unlock()
    config.data.update(num_train=48, num_test=24)
    config.clustering.scan.update(num_epochs=1, selflabel_epochs=1, batch_size=16, augment="r")
    config.clustering.dec.num_epochs = 1
    dataset = make_dataset(config.data)
    if not pose_is_known:
        dataset = dataclasses.replace(dataset, test=dataclasses.replace(dataset.test, pose=None))
    method = simclr.make_method(config, num_channels=1, low=0.0, axis_name=None)
    stored = jnp.zeros((2, *dataset.train.images.shape[1:]), jnp.float32)
    params, model_state = jax.jit(method.init)(jax.random.key(0), stored)
    trained = TrainedMethod(method, params, model_state, scaling=dataset.scaling, batch_size=16)
    clusterers = ["kmeans", "scan", "dec"]
    options = EvaluationOptions(
        "test", False, clusterers, num_clusters="4", num_seeds=1, folder=None, scores_only=False
    )
    evaluation = evaluate(trained, dataset, config, options)
    assert evaluation.split.embeddings.pose is None
    assert set(evaluation.comparison.clusterings) == {"pixels_kmeans", *clusterers}
    assert all(len(clustering.clusters) == 24 for clustering in evaluation.comparison.clusterings.values())
    assert evaluation.results["invariance"]["ratio"] > 0
    assert not {"pose", "pose_within_classes", "reconstruction"} & set(evaluation.results)
    assert "rotation: " not in describe_results(evaluation.results)
    paths = save_run_figures(tmp_path, trained, dataset, evaluation, config, cluster_names={})
    names = {path.stem for path in paths}
    assert names == {"latents", *(f"{kind}_{name}" for kind in ("confusion", "clusters") for name in clusterers)}
