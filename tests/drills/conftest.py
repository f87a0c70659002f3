"""One finished run for all drills, and a line with the counts of each."""

import pytest

from tests.drills.commands import call, evaluate, train


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A run of two checkpoints, trained and evaluated without interruption."""
    workdir = tmp_path_factory.mktemp("drills") / "undisturbed"
    for command in (train(workdir), evaluate(workdir)):
        outcome = call(command)
        assert outcome.status == 0, outcome.err
    return workdir


@pytest.fixture
def say(capsys):
    """Print a line although pytest captures."""

    def print_line(text):
        with capsys.disabled():
            print(f"\n{text}")

    return print_line
