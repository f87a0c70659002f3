"""The examples of docs/extend.md do what the page says."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.io import savemat

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.presets import tiny
from irl_inr_jax.types import InputError, Pose
from tests.clustering.conftest import make_task  # noqa: F401, a fixture
from tests.clustering.test_clusterers import two_blobs
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "extend.md").read_text()


def load_example(name):
    """The definition of that name in the Python example that contains it."""
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if f"def {name}(" in block]
    namespace = {}
    exec(compile(example, "docs/extend.md", "exec"), namespace)
    return namespace[name]


def test_the_clusterer_separates_blobs_and_assigns_new_points(make_task):  # noqa: F811
    cluster = load_example("cluster_bisecting")
    (latents, _), (new, labels) = two_blobs(0), two_blobs(1)
    found = cluster(make_task(latents, 2, assigned=new))
    assert len(set(zip(found.clusters.tolist(), labels.tolist(), strict=True))) == 2
    assert not found.transductive and found.confidence.min() > 0.5
    with pytest.raises(InputError, match="at most as many clusters as images"):
        cluster(make_task(latents, 65))


def test_the_reader_returns_the_rows_that_are_requested_and_names_a_damaged_file(tmp_path):
    open_mat, data = load_example("open_mat"), base.get_config().data
    images, path = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8), tmp_path / "maps.mat"
    savemat(path, {"images": images, "labels": np.array([3, 1, 3, 1])})
    data.path = str(path)
    source = open_mat(data)
    np.testing.assert_array_equal(source.read(np.array([2, 0]))[..., 0], images.transpose(2, 0, 1)[[2, 0]])
    assert list(source.labels) == [3, 1, 3, 1] and source.ids[1] == "maps/00001"
    data.images_key = "scans"
    with pytest.raises(InputError, match="expected a variable 'scans', found images, labels; set"):
        open_mat(data)
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(InputError, match=r"maps\.mat"):
        open_mat(data)


def test_the_data_set_has_both_published_parts_in_random_poses(tmp_path):
    read, data = load_example("read_kmnist_u"), base.get_config().data
    data.root = str(tmp_path)
    with pytest.raises(InputError, match="found no such file"):
        read(data)
    (tmp_path / "kmnist").mkdir()
    rng = np.random.default_rng(0)
    for part, count in {"train": 6, "test": 3}.items():
        np.savez(tmp_path / "kmnist" / f"kmnist-{part}-imgs.npz", rng.integers(0, 256, (count, 8, 8), np.uint8))
        np.savez(tmp_path / "kmnist" / f"kmnist-{part}-labels.npz", np.arange(count, dtype=np.uint8) % 3)
    dataset = assemble_dataset(data, read(data))
    assert dataset.train.images.shape == (6, 8, 8, 1) and list(dataset.test.labels) == [0, 1, 2]
    assert np.ptp(dataset.train.pose.theta) > 1


def test_z_of_the_method_does_not_change_under_a_rotation_and_a_shift():
    config = tiny.get_config("orbit_knn")
    method = load_example("make_method")(config, num_channels=1, low=0.0, axis_name=None)
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:32, :32]
    centres = rng.uniform(11, 21, (3, 4, 2, 1, 1))
    blobs = np.exp(-((row - centres[:, :, 0]) ** 2 + (column - centres[:, :, 1]) ** 2) / 8).sum(1)[..., None]
    images = jnp.asarray(blobs, jnp.float32)
    poses = Pose(theta=jnp.array([0.7, 2.0, -1.1]), tau=jnp.array([[0.1, 0.0], [0.0, -0.1], [0.05, 0.05]]))
    moved = jax.jit(partial(transform_images, interpolation="bilinear", fill=0.0))(images, poses)
    params, state = method.init(jax.random.key(0), images)
    encode = jax.jit(method.encode)
    z, z_moved = (np.asarray(encode(params, state, x)[0]) for x in (images, moved))
    between = np.linalg.norm(z[:, None] - z[None], axis=-1)
    assert np.linalg.norm(z - z_moved, axis=-1).max() < 0.25 * between[np.triu_indices(3, 1)].min()
