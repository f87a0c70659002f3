import dataclasses

import jax
import numpy as np
import pytest

from irl_inr_jax.clustering.store import TimedClustering, digest_task, load_clustering, save_clustering
from irl_inr_jax.clustering.task import Clustering, Points


@pytest.fixture
def timed():
    clustering = Clustering(
        clusters=np.array([0, -1, 1], np.int32),
        confidence=np.array([0.5, 0.0, 1.0], np.float32),
        transductive=True,
        notes=("a note",),
        measures={"eps": 0.25},
        neighbours=np.array([[1], [0], [1]]),
        params={"network": {"Dense_0": {"bias": np.ones(2, np.float32)}}, "radius": np.asarray(0.5, np.float32)},
    )
    return TimedClustering(clustering, 1.5)


@pytest.fixture
def latents():
    return np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)


def test_a_stored_clustering_is_loaded_for_the_same_task_only(tmp_path, timed):
    path = tmp_path / "folder" / "kmeans-0.npz"
    save_clustering(path, "digest", timed)
    found = load_clustering(path, "digest")
    assert found.seconds == 1.5
    for field in dataclasses.fields(Clustering):
        before, after = getattr(timed.clustering, field.name), getattr(found.clustering, field.name)
        assert jax.tree.structure(before) == jax.tree.structure(after)
        jax.tree.map(np.testing.assert_array_equal, before, after)
        assert type(before) is type(after)
    assert load_clustering(path, "another") is None
    assert [entry.name for entry in path.parent.iterdir()] == ["kmeans-0.npz"]


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "text"])
def test_a_damaged_file_is_ignored(tmp_path, timed, damage):
    path = tmp_path / "kmeans-0.npz"
    save_clustering(path, "digest", timed)
    whole = path.read_bytes()
    contents = {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"not an npz"}
    path.unlink() if damage == "missing" else path.write_bytes(contents[damage])
    assert load_clustering(path, "digest") is None


def test_the_digest_depends_on_everything_that_determines_a_result(make_task, latents):
    task = make_task(latents, 2)
    digest = digest_task("scan", task)
    assert digest == digest_task("scan", make_task(latents.copy(), 2))
    shifted = Points(latents + 1, task.fitted.images)
    darker = Points(latents, task.fitted.images - 1)
    others = [
        digest_task("dec", task),
        digest_task("scan", make_task(latents, 3)),
        digest_task("scan", make_task(latents, 2, seed=1)),
        digest_task("scan", make_task(latents, 2, assigned=latents)),
        digest_task("scan", make_task(latents, 2, settings={"scan.num_epochs": 3})),
        digest_task("scan", make_task(latents, 2, settings={"augment.flip": True})),
        digest_task("orbit_selflabel", make_task(latents, 2, settings={"consensus.num_runs": 3})),
        digest_task("orbit_selflabel", task),
        digest_task("scan", make_task(latents, 2, settings={"wafers.num_radii": 5})),
        digest_task("scan", make_task(latents, 2, settings={"vote_neighbours": 3})),
        digest_task("scan", dataclasses.replace(task, fitted=shifted, assigned=shifted)),
        digest_task("scan", dataclasses.replace(task, fitted=darker, assigned=darker)),
    ]
    assert len({digest, *others}) == 1 + len(others)


def test_the_digest_does_not_depend_on_settings_of_other_algorithms(make_task, latents):
    changed = make_task(latents, 2, settings={"scan.num_epochs": 3, "dbscan.eps": 1.0})
    assert digest_task("kmeans", changed) == digest_task("kmeans", make_task(latents, 2))
