"""The thesis' method: noise on the latents and consistency with rotated copies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.geometry.coords import invert_pose, pixel_grid, transform_coords
from irl_inr_jax.methods import parts
from irl_inr_jax.presets import tiny

SIDE = 8
WEIGHTS = {"recon": 0.5, "consistency": 0.3, "symmetry": 2.0}


def make_config(**loss):
    config = tiny.get_config("thesis")
    config.model.encoder.head_widths = (8, 8)
    config.model.hypernet.widths = (8,)
    config.model.inr.update(widths=(8, 8), num_frequencies=8)
    config.loss.update({**WEIGHTS, "num_copies": 2, "num_pixels": 0, **loss})
    return config


def without_noise(params, config):
    """Parameters under which the encoder's last outputs, the scale of the noise, are 0."""
    params = jax.tree.map(lambda leaf: leaf, params)
    layers = params["encoder"]["MLP_0"]
    last = layers[max(layers)]
    size = config.model.latent_dim
    last["kernel"], last["bias"] = last["kernel"].at[:, -size:].set(0.0), last["bias"].at[-size:].set(0.0)
    return params


@pytest.fixture(scope="module")
def losses(compile_method):
    """losses(**loss) -> the jitted loss without its gradient, once per setting."""
    made = {}

    def make(**loss):
        key = tuple(loss.items())
        if key not in made:
            made[key] = jax.jit(compile_method(make_config(**loss)).method.loss)
        return made[key]

    return make


@pytest.fixture(scope="module")
def state(compile_method, make_images):
    return compile_method(make_config()).init(jax.random.key(0), make_images())


@pytest.fixture
def evaluate(losses, state, make_images, make_batch):
    """evaluate(seed, params=None, **loss) -> the metrics."""

    def evaluate(seed, params=None, **loss):
        params = state[0] if params is None else params
        _, (metrics, _) = losses(**loss)(params, state[1], jax.random.key(seed), make_batch(make_images()))
        return {name: float(value) for name, value in metrics.items()}

    return evaluate


@pytest.mark.slow
def test_a_term_of_weight_zero_is_absent_and_leaves_the_others_unchanged(evaluate):
    metrics = evaluate(1)
    for absent in ("recon", "consistency"):
        others = evaluate(1, **{absent: 0.0})
        assert set(others) == set(metrics) - {absent}
        assert others["loss"] == pytest.approx(metrics["loss"] - WEIGHTS[absent] * metrics[absent], rel=1e-4)


def test_noise_enters_through_aux_only(evaluate, state):
    quiet = without_noise(state[0], make_config())
    first, second = (evaluate(seed) for seed in (1, 2))
    assert abs(first["recon"] - second["recon"]) > 1e-4 * first["recon"]
    first, second = (evaluate(seed, quiet) for seed in (1, 2))
    assert first["recon"] == pytest.approx(second["recon"], rel=1e-6)
    assert first["consistency"] != second["consistency"]  # other rotations


def test_without_noise_the_reconstruction_is_that_of_encode_and_reconstruct(
    evaluate, state, compile_method, make_images
):
    quiet, images, compiled = without_noise(state[0], make_config()), make_images(), compile_method(make_config())
    latents, pose = compiled.encode(quiet, state[1], images)
    grid = jnp.broadcast_to(pixel_grid(SIDE, SIDE), (6, SIDE * SIDE, 2))
    values = compiled.reconstruct(quiet, state[1], latents, transform_coords(grid, invert_pose(pose)))
    expected = np.mean((np.asarray(values) - np.asarray(images).reshape(6, -1, 1)) ** 2)
    assert evaluate(1, quiet)["recon"] == pytest.approx(expected, rel=1e-4)


def test_consistency_compares_every_image_with_its_own_rotated_copies(
    state, compile_method, make_images, make_batch, monkeypatch
):
    """Copies that are dimmed instead of rotated can be encoded in the test, one by one."""
    images, params, model_state = make_images(), *state
    encode = compile_method(make_config()).encode
    for num_copies in (1, 3):
        translations = []

        def dim(keys, images, translations=translations, **settings):
            translations.append(settings["translation_px"])
            return images * (1 - 0.25 * len(translations))

        latents = [np.asarray(encode(params, model_state, images * (1 - 0.25 * i))[0]) for i in range(num_copies + 1)]
        expected = np.mean([(copy - latents[0]) ** 2 for copy in latents[1:]])
        monkeypatch.setattr(parts, "random_views", dim)
        loss = compile_method(make_config(num_copies=num_copies)).method.loss
        _, (metrics, _) = jax.jit(loss)(params, model_state, jax.random.key(1), make_batch(images))
        assert translations == [0.0] * num_copies
        assert float(metrics["consistency"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_images_that_are_rotated_anew_are_what_all_terms_are_computed_on(
    state, compile_method, make_images, make_batch, monkeypatch
):
    """Dimmed images instead of rotated ones; every rotation has keys of its own."""
    used = []

    def evaluate(images, factors, **loss):
        factors = iter(factors)

        def dim(keys, images, **settings):
            jax.debug.callback(lambda data: used.append(data.tobytes()), jax.random.key_data(keys))
            return images * next(factors)

        monkeypatch.setattr(parts, "random_views", dim)
        compiled = jax.jit(compile_method(make_config(num_copies=4, **loss)).method.loss)
        _, (metrics, _) = compiled(*state, jax.random.key(1), make_batch(images))
        assert not list(factors)
        return {name: float(value) for name, value in metrics.items()}

    images = make_images()
    rotated = evaluate(images, [0.5, 1.0, 0.7, 0.8, 0.9], rotate_images=True)
    jax.effects_barrier()
    assert len(set(used)) == len(used) == 5
    expected = evaluate(images * 0.5, [1.0, 0.7, 0.8, 0.9])
    assert rotated == pytest.approx(expected, rel=1e-6) and expected["consistency"] > 0


def test_a_subset_of_the_pixels_estimates_the_loss_on_all_of_them(evaluate, state):
    quiet = without_noise(state[0], make_config())
    exact = evaluate(1, quiet)["recon"]
    estimates = [evaluate(seed, quiet, num_pixels=16)["recon"] for seed in range(40)]
    standard_error = np.std(estimates) / np.sqrt(40)
    assert 0 < standard_error < 0.05 * exact and np.mean(estimates) == pytest.approx(exact, abs=4 * standard_error)
