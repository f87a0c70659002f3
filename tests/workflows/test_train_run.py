"""A run in a folder: what a refused training leaves, and signals while the last state is saved."""

import os
import signal

import pytest

from irl_inr_jax.config.storage import claim_workdir
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.training.workdir_lock import lock_workdir
from irl_inr_jax.types import InputError
from irl_inr_jax.workflows import train_run
from irl_inr_jax.workflows.train_run import train


def test_a_training_that_is_refused_changes_no_file_of_the_one_that_runs(tiny_config, tmp_path):
    dataset = make_dataset(tiny_config.data)
    claim_workdir(tmp_path, tiny_config)
    before = (tmp_path / "config.json").read_bytes()
    tiny_config.train.num_epochs = 50
    with lock_workdir(tmp_path, "training"), pytest.raises(InputError, match="expected no other training in"):
        train(tiny_config, tmp_path, dataset)
    assert (tmp_path / "config.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".training.lock", "config.json"]


def test_a_training_that_cannot_start_makes_no_folder(tiny_config, tmp_path):
    tiny_config.train.batch_size = 4096
    with pytest.raises(InputError, match="4096"):
        train(tiny_config, tmp_path / "run", make_dataset(tiny_config.data))
    (tmp_path / "file").touch()
    tiny_config.train.batch_size = 64
    with pytest.raises(InputError, match="expected --workdir to name a folder, found the file"):
        train(tiny_config, tmp_path / "file", make_dataset(tiny_config.data))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_a_signal_while_the_last_state_is_saved_is_the_status(tiny_config, tmp_path, monkeypatch):
    """The commands that cluster after training end with it."""
    save, steps = train_run.save_state, []

    def save_and_signal(checkpoints, state):
        save(checkpoints, state)
        steps.append(int(state.step))
        if steps.count(8) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(train_run, "save_state", save_and_signal)
    dataset = make_dataset(tiny_config.data)
    assert train(tiny_config, tmp_path / "run", dataset) == 128 + signal.SIGTERM
    assert train(tiny_config, tmp_path / "run", dataset) == 0
