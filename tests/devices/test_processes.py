"""Test several processes that train as one on this machine: losses, checkpoints, signals and lost processes."""

import contextlib
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from irl_inr_jax.devices.processes import (
    ask_first_process,
    check_same_everywhere,
    first_process_first,
    start_processes,
    wait_for_all,
)
from irl_inr_jax.training.workdir_lock import lock_workdir
from irl_inr_jax.types import InputError
from tests.conftest import ONE_DEVICE, ROOT

PATIENCE = 560  # seconds, for programs that compile on a machine with other work
TRAIN = [sys.executable, "-u", "train.py", "--config", "configs/tiny.py"]
NO_FIGURES = "--config.train.picture_every_epochs=0"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def started(folder, *commands, devices=1, environments=None):
    """Start a process per command, each with `out` and `err` to read its output; none outlives the block."""
    folder.mkdir(exist_ok=True)
    processes = []
    try:
        for number, command in enumerate(commands):
            out, err = folder / f"out{number}", folder / f"err{number}"
            with out.open("w") as stdout, err.open("w") as stderr:
                environment = {**ONE_DEVICE, "JAX_NUM_CPU_DEVICES": str(devices)}
                environment |= environments[number] if environments else {}
                process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr)
            processes.append(SimpleNamespace(process=process, out=out.read_text, err=err.read_text))
        yield processes
    finally:
        for started_process in processes:
            started_process.process.kill()
            started_process.process.wait()


def make_commands(workdir, *flags, num_processes=2):
    """Return one command per process; a single process needs no flags."""
    command = [*TRAIN, "--workdir", str(workdir), *map(str, flags)]
    if num_processes == 1:
        return [command]
    peers = ["--coordinator-address", f"127.0.0.1:{free_port()}", "--num-processes", str(num_processes)]
    return [[*command, *peers, "--process-id", str(number)] for number in range(num_processes)]


def slurm_tasks(num_tasks):
    """Return the environment of each task of a Slurm step on this host; JAX derives the port from the job's number."""
    first_port, port = 2**16 - 2**12, None
    while port is None:
        with contextlib.suppress(OSError), socket.create_server(("", random.randrange(first_port, 2**16))) as server:
            port = server.getsockname()[1]
    step = {"SLURM_JOB_ID": str(port - first_port), "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS": str(num_tasks)}
    return [{**step, "SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)} for task in range(num_tasks)]


def train(workdir, *flags, num_processes=2, devices=1):
    """Train to the end and return the stdout of each process."""
    folder = workdir.with_name(f"{workdir.name}_output")
    commands = make_commands(workdir, *flags, num_processes=num_processes)
    with started(folder, *commands, devices=devices) as processes:
        return [finished_output(each) for each in processes]


def finished_output(started_process, status=0):
    assert started_process.process.wait(PATIENCE) == status, started_process.err()
    return without_gloo(started_process.out())


def without_gloo(text):
    """Drop the lines of the library through which CPUs communicate."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("[Gloo]"))


def losses(workdir):
    """Return the loss terms (lines, terms) of metrics.jsonl, and the steps."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    terms = np.array([[line[name] for name in ("loss", "cross", "symmetry")] for line in lines])
    return terms, [line["step"] for line in lines]


def wait_until(condition, processes):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert all(each.process.poll() is None for each in processes), [each.err() for each in processes]
        assert time.monotonic() < deadline, [each.err() for each in processes]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The workdir of a run of two processes, and the output of each."""
    workdir = tmp_path_factory.mktemp("processes") / "two"
    return workdir, train(workdir)


@pytest.mark.slow
def test_two_processes_train_as_one_with_two_devices(two, tmp_path):
    workdir, (first, second) = two
    train(tmp_path / "one", num_processes=1, devices=2)
    (expected, steps), (found, found_steps) = losses(tmp_path / "one"), losses(workdir)
    assert found_steps == steps == [2, 4, 6, 8]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # Only the first process prints and writes.
    assert second == "" and "2 x cpu" in first and "step 8/8" in first and "done" in first
    assert len(list((workdir / "tensorboard").iterdir())) == 1
    assert [path.name for path in sorted((workdir / "pictures").iterdir())] == ["epoch_0001.png", "epoch_0002.png"]


@pytest.mark.slow
def test_processes_share_a_hypernetwork(two, tmp_path):
    """Each holds a part of it; both gather it for figures, and the checkpoint contains all of it."""
    train(tmp_path / "shared", "--config.model.hypernet.num_shards=2")
    np.testing.assert_allclose(losses(tmp_path / "shared")[0], losses(two[0])[0], rtol=1e-3)
    assert list((tmp_path / "shared" / "pictures").glob("*.png"))
    train(tmp_path / "shared", "--config.model.hypernet.num_shards=2", num_processes=1, devices=2)


@pytest.mark.slow
@pytest.mark.parametrize("num_processes", [1, 4])
def test_another_number_of_processes_continues_a_checkpoint_of_two(two, tmp_path, num_processes):
    """Four processes detect each other by the variables of Slurm."""
    workdir = tmp_path / "run"
    shutil.copytree(two[0], workdir)
    shutil.rmtree(workdir / "checkpoints" / "8")
    commands, environments = make_commands(workdir, num_processes=1), None
    if num_processes > 1:
        commands, environments = [[*commands[0], "--distributed"]] * num_processes, slurm_tasks(num_processes)
    with started(tmp_path / "output", *commands, environments=environments) as processes:
        output = [finished_output(each) for each in processes]
    assert "continuing at step 4 of 8" in output[0] and f"{num_processes} x cpu" in output[0] and not any(output[1:])
    (found, steps), (expected, _) = losses(workdir), losses(two[0])
    assert steps == [2, 4, 6, 8]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("killed", "signalled_at"), [(0, "compiling the step"), (1, "images/s")])
def test_a_killed_process_ends_the_other_and_the_same_command_continues_until_sigterm(tmp_path, killed, signalled_at):
    """SIGTERM, to the process that was killed before, arrives before the first step or among the steps."""
    workdir = tmp_path / "run"
    flags = ["--config.train.num_epochs=1000000", "--config.train.save_every_epochs=5", NO_FIGURES]
    with started(tmp_path / "first", *make_commands(workdir, *flags)) as processes:
        wait_until(lambda: list(workdir.glob("checkpoints/*/sha256.json")), processes)
        processes[killed].process.kill()
        assert processes[1 - killed].process.wait(PATIENCE) != 0
    step = max(int(path.parent.name) for path in workdir.glob("checkpoints/*/sha256.json"))

    with started(tmp_path / "second", *make_commands(workdir, *flags)) as processes:
        wait_until(lambda: f"continuing at step {step} of" in processes[0].out(), processes)
        wait_until(lambda: signalled_at in processes[0].out(), processes)
        processes[killed].process.send_signal(signal.SIGTERM)
        output = [finished_output(each, 128 + signal.SIGTERM) for each in processes]
    stopped = int(re.search(r"stopped and saved at step (\d+)", output[0]).group(1))
    assert output[1] == ""
    assert stopped >= step and (workdir / "checkpoints" / str(stopped) / "sha256.json").exists()
    assert losses(workdir)[1] == list(range(2, stopped + 1, 2))


@pytest.mark.slow
def test_two_processes_train_on_streamed_images_as_one_does(tmp_path):
    images = np.round(np.random.default_rng(0).random((80, 12, 12)) * 255).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    data = {"name": "images", "path": tmp_path / "images.npy", "canvas": 0, "translation_px": 0, "test_fraction": 0}
    data |= {"num_train": 0, "num_test": 0, "memory_mb": 0}
    flags = [f"--config.data.{key}={value}" for key, value in data.items()]
    flags += ["--config.train.batch_size=16", "--config.train.num_epochs=1", NO_FIGURES]
    output = train(tmp_path / "two", *flags)
    assert "streamed from disk" in output[0]
    train(tmp_path / "one", *flags, num_processes=1, devices=2)
    np.testing.assert_allclose(losses(tmp_path / "two")[0], losses(tmp_path / "one")[0], rtol=1e-5)


@pytest.mark.slow
def test_processes_with_different_configurations_are_refused(tmp_path):
    first, second = make_commands(tmp_path / "run")
    with started(tmp_path / "output", first, [*second, "--config.seed=3"]) as processes:
        for each in processes:
            finished_output(each, 2)
            assert "expected the same configuration and --workdir in every process, found another in proc" in each.err()
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_what_ends_the_first_process_ends_the_other_with_a_line(tmp_path):
    """Without an answer the second would wait, until JAX ended both with its own messages."""
    workdir = tmp_path / "run"
    with (
        lock_workdir(workdir, "training"),
        started(tmp_path / "output", *make_commands(workdir, NO_FIGURES)) as processes,
    ):
        errors = [(finished_output(each, 2), each.err()) for each in processes]
    assert "error: expected no other training in" in errors[0][1]
    assert "error: expected process 0 to go on, found that it failed; see its message" in errors[1][1]
    assert all(len(err.splitlines()) == 1 for _, err in errors)


@pytest.mark.slow
def test_processes_that_cannot_join_end_with_a_status(tmp_path):
    """JAX reports what is missing: a cluster, an argument or, after --join_seconds, the coordinator."""
    alone = [
        "--join_seconds=3",
        f"--coordinator-address=127.0.0.1:{free_port()}",
        "--num-processes=2",
        "--process-id=1",
    ]
    commands = [
        [*TRAIN, "--workdir", str(tmp_path / "run"), *flags]
        for flags in (["--distributed"], ["--num-processes=2"], alone)
    ]
    with started(tmp_path / "output", *commands) as processes:
        for each in processes[:2]:
            assert finished_output(each, 2) == ""
            assert each.err().startswith("error: expected processes that jax.distributed.initialize can connect")
            assert len(each.err().splitlines()) == 1
        assert processes[2].process.wait(PATIENCE) != 0
    assert not (tmp_path / "run").exists()


def test_the_arguments_of_jax_are_passed_and_its_errors_are_those_of_the_user(monkeypatch):
    calls = []

    def initialize(*arguments, **options):
        calls.append((arguments, options["cluster_detection_method"], options["initialization_timeout"]))
        raise ValueError("Number of processes must be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    for address in ("10.0.0.1:1234", None):
        with pytest.raises(InputError, match=r"Number of processes must be defined\.; give --coordinator_address=HOST"):
            start_processes(coordinator_address=address, num_processes=None, process_id=1, timeout_seconds=7)
    assert calls == [(("10.0.0.1:1234", None, 1), "deactivate", 7), ((None, None, 1), None, 7)]


def test_a_single_process_waits_for_nobody_and_keeps_its_exceptions():
    with pytest.raises(ValueError, match="of the body"), first_process_first():
        raise ValueError("of the body")
    wait_for_all()
    check_same_everywhere("anything")
    assert ask_first_process(lambda: 3) == 3
