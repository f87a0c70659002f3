"""Test the sampling of neighbours in the step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from irl_inr_jax.presets import tiny
from irl_inr_jax.training.step import make_train_step
from irl_inr_jax.training.stored_images import (
    StoredImages,
    arbitrary_neighbours,
    sample_neighbours,
)
from irl_inr_jax.types import Method, Scaling, TrainState

NEIGHBOURS = (np.arange(20)[:, None] + np.array([1, 5, 7])) % 20


def test_neighbours_are_those_of_the_image_and_all_of_them_in_time():
    sample = jax.jit(sample_neighbours)
    indices, positions = jnp.array([4, 4, 19]), jnp.arange(3)
    found = np.stack([sample(jax.random.key(n), NEIGHBOURS, indices, positions) for n in range(40)])
    for column, image in enumerate((4, 4, 19)):
        assert set(found[:, column]) == set(NEIGHBOURS[image])
    assert np.mean(found[:, 0] == found[:, 1]) < 0.8  # equal images have neighbours of their own


def test_a_neighbour_depends_on_the_key_and_the_position_in_the_global_batch_only():
    whole = sample_neighbours(jax.random.key(3), jnp.asarray(NEIGHBOURS), jnp.arange(8), jnp.arange(8))
    part = sample_neighbours(jax.random.key(3), jnp.asarray(NEIGHBOURS), jnp.arange(4, 8), jnp.arange(4, 8))
    np.testing.assert_array_equal(part, whole[4:])


def test_the_step_gives_the_scaled_images_of_sampled_neighbours_and_leaves_the_key_as_it_is():
    """Every image has its own value, by which its neighbour in the batch is identified."""

    def unused(*arguments):
        raise AssertionError("training calls only the loss")

    def loss(params, model_state, key, batch):
        neighbours = jnp.zeros(2) if batch.neighbours is None else batch.neighbours[:, 0, 0, 0]
        state = {"images": batch.images[:, 0, 0, 0], "neighbours": neighbours, "sample": jax.random.uniform(key)}
        return params["w"] ** 2, ({"loss": params["w"]}, state)

    method, optimizer = Method("recording", init=unused, loss=loss, encode=unused, reconstruct=None), optax.sgd(0.1)
    scaling = Scaling(1 / 20, 0.0, 0.0, "")
    step = jax.jit(make_train_step(method, optimizer, total_steps=4, scaling=scaling, axis_name=None))
    params = {"w": jnp.float32(1)}
    empty = {"images": jnp.zeros(2), "neighbours": jnp.zeros(2), "sample": jnp.float32(0)}
    state = TrainState(jnp.int32(0), jax.random.key_data(jax.random.key(0)), params, empty, optimizer.init(params))
    images = jnp.arange(20, dtype=jnp.uint8).reshape(20, 1, 1, 1)
    given = jnp.array([3, 11]), jnp.arange(2)
    with_neighbours, _ = step(state, StoredImages(images, jnp.asarray(NEIGHBOURS, jnp.int32)), *given)
    without, _ = step(state, StoredImages(images, None), *given)
    for image, neighbour in zip((3, 11), 20 * np.asarray(with_neighbours.model_state["neighbours"]), strict=True):
        assert round(float(neighbour)) in NEIGHBOURS[image]
    for name in ("images", "sample"):
        np.testing.assert_array_equal(with_neighbours.model_state[name], without.model_state[name])


def test_arbitrary_neighbours_have_the_shape_of_those_of_a_search():
    config = tiny.get_config()
    assert arbitrary_neighbours(config, 5) is None  # the weight is 0
    config.loss.update(neighbours=0.5, num_neighbours=3)
    found = arbitrary_neighbours(config, 5)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [[1, 2, 3], [2, 3, 4], [3, 4, 0], [4, 0, 1], [0, 1, 2]])
