"""Drill: two processes in one folder; one of them ends with one line, or both have the results of either alone."""

import pytest

from tests.drills.commands import evaluate, finish, is_equal, read_lines, read_results, read_state, start, train

pytestmark = pytest.mark.slow

NUM_PAIRS = 2


def run_both(first, second, folder):
    """Start two commands at once and return their outcomes."""
    outputs = folder / "first", folder / "second"
    processes = [start(command, output) for command, output in zip((first, second), outputs, strict=True)]
    return [finish(process, output) for process, output in zip(processes, outputs, strict=True)]


def check_pair(outcomes, activity):
    """Require one success or two, and that the other is refused; return the number that is refused."""
    refused = [outcome for outcome in outcomes if outcome.status]
    assert len(refused) < 2, outcomes
    for outcome in refused:
        assert outcome.is_refusal and f"expected no other {activity} in" in outcome.err, outcome
    return len(refused)


def test_two_trainings_are_one(undisturbed, tmp_path, say):
    expected, refusals = read_state(undisturbed), 0
    for number in range(NUM_PAIRS):
        workdir = tmp_path / f"run{number}"
        refusals += check_pair(run_both(train(workdir), train(workdir), tmp_path), "training")
        assert is_equal(read_state(workdir), expected) and read_lines(workdir) == read_lines(undisturbed)
    assert refusals
    say(f"two trainings in one folder: {NUM_PAIRS} pairs, {refusals} refused in one line, all runs bit-identical")


def test_two_evaluations_have_the_results_of_one(undisturbed, tmp_path, say):
    expected, refusals = read_results(undisturbed), 0
    for _ in range(NUM_PAIRS):
        refusals += check_pair(run_both(evaluate(undisturbed), evaluate(undisturbed), tmp_path), "evaluation")
        assert read_results(undisturbed) == expected
    say(f"two evaluations of one run: {NUM_PAIRS} pairs, {refusals} refused in one line, results equal")


def test_a_run_is_read_while_it_is_trained(undisturbed, tmp_path, say):
    longer = "--config.train.num_epochs=12"
    workdir, output = tmp_path / "run", tmp_path / "training"
    reference = tmp_path / "reference"
    assert finish(start(train(reference, longer), output), output).status == 0
    training, statuses = start(train(workdir, longer), output), []
    commands = evaluate(workdir), ["save", "--workdir", str(workdir), "--out", str(tmp_path / "model.irl")]
    while training.exitcode is None:
        for command in commands:
            other = tmp_path / "reading"
            outcome = finish(start(command, other), other)
            assert outcome.status == 0 or outcome.is_refusal, outcome
            statuses.append(outcome.status)
        training.join(0)
    outcome = finish(training, output)
    assert outcome.status == 0 and not outcome.err, outcome
    assert is_equal(read_state(workdir), read_state(reference)) and read_lines(workdir) == read_lines(reference)
    say(
        f"commands while a run is trained: {statuses.count(0)} done, {statuses.count(2)} refused in one line (no "
        f"checkpoint yet, no evaluation); the run is bit-identical"
    )
