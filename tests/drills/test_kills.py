"""Drill: a process that is killed at any moment loses nothing but time."""

import time

import numpy as np
import pytest

from tests.drills.commands import evaluate, finish, is_equal, read_lines, read_results, read_state, start, train

pytestmark = pytest.mark.slow

NUM_KILLS, KILLS_OF_A_RUN = 20, 5
NUM_EVALUATION_KILLS = 5


def kill_at(command, output, seconds):
    """Start a command and kill it after some time; True if it was still at work."""
    process = start(command, output)
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        return True
    assert process.exitcode == 0, finish(process, output)
    return False


def time_command(command, output):
    """Return the seconds that a command takes if nothing disturbs it."""
    started = time.monotonic()
    outcome = finish(start(command, output), output)
    assert outcome.status == 0, outcome
    return time.monotonic() - started


def test_kills_of_training_change_no_bit(undisturbed, tmp_path, say):
    expected, lines = read_state(undisturbed), read_lines(undisturbed)
    rng, output = np.random.default_rng(0), tmp_path / "output"
    time_command(train(tmp_path / "first"), output)  # starts the server
    duration = time_command(train(tmp_path / "second"), output)
    kills = completed = skipped = restarts = 0
    while kills < NUM_KILLS:
        workdir = tmp_path / f"run{completed}"
        for _ in range(min(KILLS_OF_A_RUN, NUM_KILLS - kills)):
            if not kill_at(train(workdir), output, rng.uniform(0.05, 1) * duration):
                break
            kills += 1
        last = finish(start(train(workdir), output), output)
        assert last.status == 0 and not last.err, last
        assert "is damaged" not in last.out, last.out
        skipped += "was interrupted while it was written" in last.out
        restarts += "the run starts from the beginning" in last.out
        assert is_equal(read_state(workdir), expected) and read_lines(workdir) == lines
        completed += 1
    say(
        f"kills of training: {kills}, completed runs: {completed}, all bit-identical; of the last starts {skipped} "
        f"skipped an unfinished checkpoint and {restarts} started anew"
    )


def test_kills_of_evaluation_change_no_number(undisturbed, tmp_path, say):
    expected = read_results(undisturbed)
    rng, output = np.random.default_rng(1), tmp_path / "output"
    workdir = tmp_path / "run"
    assert finish(start(train(workdir), output), output).status == 0
    duration = time_command(evaluate(workdir), output)
    kills = 0
    for _ in range(NUM_EVALUATION_KILLS):
        kills += kill_at(evaluate(workdir), output, rng.uniform(0.1, 1) * duration)
    outcome = finish(start(evaluate(workdir), output), output)
    assert outcome.status == 0 and not outcome.err, outcome
    assert read_results(workdir) == expected
    say(f"kills of evaluation: {kills}; the results of the next one are equal")
