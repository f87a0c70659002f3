"""Test states on disk: intact, damaged, incomplete."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from jax.sharding import SingleDeviceSharding

from irl_inr_jax.training.checkpoint import (
    newest_step,
    open_checkpoints,
    read_config_digest,
    restore_state,
    save_state,
)
from irl_inr_jax.types import InputError, TrainState


def make_state(step):
    params = {"dense": {"kernel": jnp.arange(4096.0).reshape(64, 64) + step, "bias": jnp.full(3, step, jnp.bfloat16)}}
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    return TrainState(
        step=jnp.int32(step),
        key=jax.random.key_data(jax.random.key(step)),
        params=params,
        model_state={"batch_stats": {}, "frequencies": jnp.ones((2, 2)) * step},
        opt_state=optimizer.init(params),
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with the checkpoints of steps 2 and 3; that of step 1 was dropped."""
    checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=2, config_digest="digest", read_only=False)
    for step in (1, 2, 3):
        save_state(checkpoints, make_state(step))
    checkpoints.manager.close()
    return tmp_path / "checkpoints"


def restore(folder):
    checkpoints = open_checkpoints(folder, keep=2, config_digest="digest", read_only=False)
    template = jax.eval_shape(lambda: make_state(0))
    state, damaged = restore_state(checkpoints, template, sharding=SingleDeviceSharding(jax.devices()[0]))
    checkpoints.manager.close()
    return state, damaged


def data_files(folder, step):
    return sorted(path for path in (folder / str(step)).rglob("*") if path.is_file() and path.parent.name == "d")


def test_the_newest_state_is_restored_bit_for_bit(folder):
    state, damaged = restore(folder)
    expected = make_state(3)
    assert damaged == [] and jax.tree.structure(state) == jax.tree.structure(expected)
    for found, wanted in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
    assert sorted(path.name for path in folder.iterdir() if path.name.isdigit()) == ["2", "3"]


def test_without_checkpoints_there_is_no_state(tmp_path):
    assert restore(tmp_path / "empty") == (None, [])


def overwrite_middle(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.unlink(),
        overwrite_middle,
    ],
    ids=["truncated", "missing", "64 bytes zeroed"],
)
def test_a_damaged_checkpoint_is_skipped_for_the_one_before_and_reported(folder, damage):
    largest = max(data_files(folder, 3), key=lambda path: path.stat().st_size)
    damage(largest)
    state, damaged = restore(folder)
    assert int(state.step) == 2 and float(state.params["dense"]["kernel"][0, 0]) == 2
    assert len(damaged) == 1 and "checkpoint 3 is damaged" in damaged[0] and largest.name in damaged[0]


def test_an_incomplete_list_of_checksums_counts_as_damage(folder):
    checksums = folder / "3" / "sha256.json"
    checksums.write_text(checksums.read_text()[:-10])
    state, damaged = restore(folder)
    assert int(state.step) == 2 and "incomplete" in damaged[0]


def test_a_damaged_step_is_replaced_when_the_run_reaches_it(folder):
    max(data_files(folder, 3), key=lambda path: path.stat().st_size).unlink()
    checkpoints = open_checkpoints(folder, keep=2, config_digest="digest", read_only=False)
    save_state(checkpoints, make_state(3))
    checkpoints.manager.close()
    state, damaged = restore(folder)
    assert int(state.step) == 3 and damaged == []


def test_a_kill_between_the_commit_and_the_checksums_costs_one_checkpoint(folder):
    (folder / "3" / "sha256.json").unlink()
    state, skipped = restore(folder)
    assert int(state.step) == 2 and skipped == ["checkpoint 3 was interrupted while it was written, and was skipped"]
    checkpoints = open_checkpoints(folder, keep=2, config_digest="digest", read_only=False)
    save_state(checkpoints, make_state(3))
    checkpoints.manager.close()
    state, skipped = restore(folder)
    assert int(state.step) == 3 and skipped == []


def test_a_kill_in_the_first_save_starts_the_run_anew(tmp_path):
    for step in (4, 3):  # the second run saves at another step than the one that was killed
        checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=1, config_digest="digest", read_only=False)
        save_state(checkpoints, make_state(step))
        checkpoints.manager.close()
        if step == 4:
            (tmp_path / "checkpoints" / "4" / "sha256.json").unlink()
            state, skipped = restore(tmp_path / "checkpoints")
            assert state is None and skipped[-1] == "no checkpoint is complete: the run starts from the beginning"
    state, skipped = restore(tmp_path / "checkpoints")
    assert int(state.step) == 3 and skipped == []


def test_the_older_checkpoint_stays_until_the_newer_one_is_complete(tmp_path, monkeypatch):
    checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=1, config_digest="digest", read_only=False)
    save_state(checkpoints, make_state(1))

    def stop(path, text):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("irl_inr_jax.training.checkpoint.write_json", stop)
        save_state(checkpoints, make_state(2))
    checkpoints.manager.close()
    state, _ = restore(tmp_path / "checkpoints")
    assert int(state.step) == 1
    checkpoints = open_checkpoints(tmp_path / "checkpoints", keep=1, config_digest="digest", read_only=False)
    save_state(checkpoints, make_state(2))
    checkpoints.manager.close()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()] == ["2"]


@pytest.mark.parametrize("name", ["runs[1]", "a*b", "a?b"])
def test_a_path_that_orbax_takes_for_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"without \* \? \[ \] in its path, found .* choose another folder"):
        open_checkpoints(tmp_path / name / "checkpoints", keep=1, config_digest="digest", read_only=False)


@pytest.mark.parametrize("content", ["{", "[]", '{"files": 3, "config": ""}', '{"files": {}}', "\x00\x00"])
def test_checksums_of_another_form_count_as_damage(folder, content):
    (folder / "3" / "sha256.json").write_text(content)
    state, skipped = restore(folder)
    assert int(state.step) == 2 and "sha256.json is missing or incomplete" in skipped[0]


def test_checksums_of_earlier_versions_are_read(folder):
    path = folder / "3" / "sha256.json"
    facts = json.loads(path.read_text())
    assert read_config_digest(folder / "3") == "digest"
    path.write_text(json.dumps(facts["files"]))
    state, skipped = restore(folder)
    assert int(state.step) == 3 and skipped == [] and read_config_digest(folder / "3") is None


def test_only_damaged_checkpoints_are_an_error_with_advice(folder):
    for step in (2, 3):
        for path in data_files(folder, step):
            path.unlink()
    with pytest.raises(
        InputError, match=r"expected an intact checkpoint .* found only damaged ones .* remove that folder"
    ):
        restore(folder)


def test_an_interrupted_save_is_ignored(folder):
    leftover = folder / "4.orbax-checkpoint-tmp" / "state"
    leftover.mkdir(parents=True)
    (leftover / "half").write_bytes(b"x")
    state, damaged = restore(folder)
    assert int(state.step) == 3 and damaged == []


def test_the_newest_step_is_that_of_the_highest_number(tmp_path):
    assert newest_step(tmp_path / "checkpoints") is None
    for name in ("8", "10", "9", "12.orbax-checkpoint-tmp"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert newest_step(tmp_path / "checkpoints") == 10


def test_a_state_of_another_configuration_is_refused(folder):
    checkpoints = open_checkpoints(folder, keep=2, config_digest="other", read_only=False)
    template = jax.eval_shape(lambda: make_state(0))
    with pytest.raises(InputError, match=r"config\.json as the run was trained with it, found a key .* changed since"):
        restore_state(checkpoints, template, sharding=SingleDeviceSharding(jax.devices()[0]))
    checkpoints.manager.close()


def test_reading_leaves_a_checkpoint_that_is_being_saved_alone(folder):
    unfinished = folder / "4.orbax-checkpoint-tmp"
    (unfinished / "state").mkdir(parents=True)
    checkpoints = open_checkpoints(folder, keep=2, config_digest="digest", read_only=True)
    assert sorted(checkpoints.manager.all_steps()) == [2, 3]
    checkpoints.manager.close()
    assert unfinished.exists()


def test_two_threads_save_one_after_the_other(tmp_path, monkeypatch):
    """Orbax numbers the saves of an interpreter; a save begun meanwhile would wait for the signals of the other."""
    original, inside, most = ocp.CheckpointManager.save, [], []

    def save(manager, *arguments, **options):
        inside.append(manager)
        most.append(len(inside))
        time.sleep(0.2)  # until the other thread would be here too
        saved = original(manager, *arguments, **options)
        manager.wait_until_finished()
        inside.remove(manager)
        return saved

    def write(name):
        checkpoints = open_checkpoints(tmp_path / name, keep=1, config_digest="digest", read_only=False)
        save_state(checkpoints, make_state(1))
        checkpoints.manager.close()
        return restore(tmp_path / name)[0].step

    monkeypatch.setattr(ocp.CheckpointManager, "save", save)
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(write, ("first", "second"))) == [1, 1]
    assert most == [1, 1]
