"""Commands called in this process, and one finished run for the slow tests."""

import logging
import subprocess
import sys
from typing import NamedTuple

import absl.logging
import pytest

from irl_inr_jax.commands.main import main
from tests.conftest import ONE_DEVICE, ROOT


class Result(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


class Finished(NamedTuple):
    """A trained and evaluated run, and what the two processes printed."""

    workdir: object
    trained: str
    evaluated: str


@pytest.fixture(autouse=True)
def restore_logging():
    """Undo `start_logging`, whose handler prints to the stdout of one test."""
    logger, verbosity = logging.getLogger("irl_inr_jax"), absl.logging.get_verbosity()
    before = logger.handlers[:], logger.level, logger.propagate
    hooks = sys.excepthook, sys.unraisablehook
    yield
    sys.excepthook, sys.unraisablehook = hooks
    logger.handlers[:], logger.level, logger.propagate = before
    absl.logging.set_verbosity(verbosity)


@pytest.fixture
def irl_inr(capsys):
    """irl_inr('train', '--config', 'tiny', ...), in this process."""

    def call(*arguments):
        status = main([str(argument) for argument in arguments])
        return Result(status, *capsys.readouterr())

    return call


@pytest.fixture
def refused(irl_inr):
    """refused(arguments, words): the command ends with status 2 and one line on stderr that has the words."""

    def check(arguments, words):
        result = irl_inr(*arguments)
        assert result.status == 2, result
        assert result.err.startswith("error: ") and result.err.count("\n") == 1, result.err
        assert "Traceback" not in result.err + result.out
        for word in words:
            assert word in result.err
        return result

    return check


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A tiny run, trained and evaluated without interruption by train.py and evaluate.py as a user starts them."""
    workdir, outputs = tmp_path_factory.mktemp("finished"), []
    train = ("train.py", "--config", "configs/tiny.py", "--workdir", str(workdir))
    for arguments in (train, ("evaluate.py", "--workdir", str(workdir), "--clusterers", "kmeans")):
        command = [sys.executable, *arguments]
        run = subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout)
    return Finished(workdir, *outputs)
