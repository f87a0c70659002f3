"""Test trained methods from checkpoints: the newest intact one, refusals, and reading while a run is trained."""

import logging

import jax
import numpy as np
import pytest

from irl_inr_jax.config.storage import digest_config
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.presets import tiny
from irl_inr_jax.training import trained as trained_module
from irl_inr_jax.training.checkpoint import open_checkpoints, save_state
from irl_inr_jax.training.run import init_state, make_run
from irl_inr_jax.training.trained import READ_ATTEMPTS, load_trained, trained_method
from irl_inr_jax.types import InputError


@pytest.fixture(scope="module")
def run():
    """A run of the preset `tiny` on one device."""
    config = tiny.get_config()
    return make_run(config, make_dataset(config.data), make_mesh(jax.devices()[:1]), neighbours=None)


@pytest.fixture(scope="module")
def state(run):
    return init_state(run)


def test_a_trained_method_is_loaded_from_the_newest_intact_checkpoint(run, state, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("irl_inr_jax"), "propagate", True)
    digest = digest_config(run.config)
    checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=2, config_digest=digest, read_only=False)
    for step in (4, 8):
        save_state(checkpoints, state.replace(step=np.int32(step)))
    checkpoints.manager.close()
    (tmp_path / "checkpoints" / "8" / "sha256.json").unlink()
    trained, step = load_trained(tmp_path, run.config, run.dataset)
    assert step == 4 and "checkpoint 8 was interrupted while it was written" in caplog.text
    expected = trained_method(run, state)
    jax.tree.map(np.testing.assert_array_equal, trained.params, expected.params)
    images = run.dataset.train.images[:2]
    jax.tree.map(np.testing.assert_array_equal, trained.encode(images), expected.encode(images))


def test_a_configuration_that_was_changed_after_training_is_refused(run, state, tmp_path):
    digest = digest_config(run.config)
    checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=2, config_digest=digest, read_only=False)
    save_state(checkpoints, state.replace(step=np.int32(4)))
    checkpoints.manager.close()
    config = run.config.copy_and_resolve_references()
    config.data.path, config.train.num_epochs, config.clustering.vote_neighbours = "moved", 99, 3
    load_trained(tmp_path, config, run.dataset)
    config.data.seed += 1
    with pytest.raises(InputError, match=r"config\.json as the run was trained with it, found a key .* changed since"):
        load_trained(tmp_path, config, run.dataset)


def test_a_run_without_checkpoints_is_refused(run, tmp_path):
    for folder in (tmp_path, tmp_path / "checkpoints"):
        folder.mkdir(exist_ok=True)
        with pytest.raises(InputError, match=r"expected checkpoints in .* found none; train first"):
            load_trained(tmp_path, run.config, run.dataset)


@pytest.mark.parametrize(
    "error",
    [
        None,
        FileNotFoundError("a file"),
        pytest.param(KeyError("an item"), marks=pytest.mark.slow),
        pytest.param(Exception("a part"), marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", ["open_checkpoints", "restore_state"])
def test_a_checkpoint_that_training_deletes_while_it_is_read_is_replaced(
    name, error, run, state, tmp_path, monkeypatch, caplog
):
    """Reading the deleted checkpoint fails, or finds none."""
    monkeypatch.setattr(logging.getLogger("irl_inr_jax"), "propagate", True)
    digest = digest_config(run.config)
    checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=2, config_digest=digest, read_only=False)
    save_state(checkpoints, state.replace(step=np.int32(4)))
    read, calls = getattr(trained_module, name), []

    def read_late(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 1:
            save_state(checkpoints, state.replace(step=np.int32(8)))
            checkpoints.manager.delete(4)
            if error is not None:
                raise error
        return read(*arguments, **options)

    monkeypatch.setattr(trained_module, name, read_late)
    assert load_trained(tmp_path, run.config, run.dataset)[1] == 8
    assert len(calls) == (1 if name == "open_checkpoints" and error is None else 2)
    assert not caplog.text
    checkpoints.manager.close()


def fail_to_open(folder, calls, *, changing):
    """Return a function that fails to open checkpoints; `changing`: a checkpoint more is in the folder each time."""

    def fail(*arguments, **options):
        calls.append(arguments)
        if changing:
            (folder / str(len(calls))).mkdir()
        raise PermissionError("a file")

    return fail


@pytest.mark.parametrize("changing", [False, True])
def test_a_folder_that_cannot_be_read_is_tried_again_only_while_it_changes(changing, run, tmp_path, monkeypatch):
    folder, calls = tmp_path / "checkpoints", []
    folder.mkdir()
    monkeypatch.setattr(trained_module, "open_checkpoints", fail_to_open(folder, calls, changing=changing))
    with pytest.raises(PermissionError):
        load_trained(tmp_path, run.config, run.dataset)
    assert len(calls) == (READ_ATTEMPTS if changing else 1)
