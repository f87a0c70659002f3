"""Real processes on this machine that train as one: their losses, checkpoints, signals and deaths."""

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

import numpy as np
import pytest

from irl_inr_jax.devices.processes import agree_on_signal, ends_with_the_others, first_process_first, is_sign_of_loss
from tests.conftest import ONE_DEVICE, ROOT

PATIENCE = 560  # seconds, for programs that compile on a machine with other work
TRAIN = [sys.executable, "-u", "train.py", "--config", "configs/tiny.py"]
NO_PICTURES = "--config.train.picture_every_epochs=0"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def started(folder, *commands, devices=1, environments=None):
    """The processes of the commands, each with `out` and `err` to read what it has said; none outlives the block."""
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


def commands_of(workdir, *flags, num_processes=2):
    """One command a process; on its own it needs no flags."""
    command = [*TRAIN, "--workdir", str(workdir), *map(str, flags)]
    if num_processes == 1:
        return [command]
    port = free_port()
    peers = ["--coordinator-address", f"127.0.0.1:{port}", "--num-processes", str(num_processes)]
    return [[*command, *peers, "--process-id", str(number)] for number in range(num_processes)]


def slurm_tasks(num_tasks):
    """The environment of each task of a step on this host, whose port JAX takes from the number of the job."""
    first_port, port = 2**16 - 2**12, None
    while port is None:
        with contextlib.suppress(OSError), socket.create_server(("", random.randrange(first_port, 2**16))) as server:
            port = server.getsockname()[1]
    step = {"SLURM_JOB_ID": str(port - first_port), "SLURM_STEP_NODELIST": "127.0.0.1"}
    step |= {"SLURM_NTASKS": str(num_tasks), "SLURM_STEP_NUM_TASKS": str(num_tasks)}
    return [{**step, "SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)} for task in range(num_tasks)]


def train(workdir, *flags, num_processes=2, devices=1):
    """Runs to the end; what each process said on stdout."""
    folder = workdir.with_name(f"{workdir.name}_said")
    with started(folder, *commands_of(workdir, *flags, num_processes=num_processes), devices=devices) as processes:
        for each in processes:
            assert each.process.wait(PATIENCE) == 0, each.err()
        return [said_by_us(each.out()) for each in processes]


def said_by_us(text):
    """Without the line of the library through which CPUs talk."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("[Gloo]"))


def losses(workdir):
    """(lines, terms) of metrics.jsonl, and the steps."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return np.array([[line[name] for name in ("loss", "cross", "symmetry")] for line in lines]), [
        line["step"] for line in lines
    ]


def wait_until(condition, processes):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert all(each.process.poll() is None for each in processes), [each.err() for each in processes]
        assert time.monotonic() < deadline, [each.err() for each in processes]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The workdir of a run of two processes, and what each said."""
    workdir = tmp_path_factory.mktemp("distributed") / "two"
    return workdir, train(workdir)


def test_processes_share_a_hypernetwork(two, tmp_path):
    """Each holds a part of it; both take part where a picture wants it whole, and the checkpoint has all of it."""
    train(tmp_path / "shared", "--config.model.hypernet.num_shards=2")
    np.testing.assert_allclose(losses(tmp_path / "shared")[0], losses(two[0])[0], rtol=1e-3)
    assert list((tmp_path / "shared" / "pictures").glob("*.png"))
    train(tmp_path / "shared", "--config.model.hypernet.num_shards=2", num_processes=1, devices=2)


@pytest.mark.parametrize(("devices", "tolerance"), [(2, 1e-5), (1, 1e-3)])
def test_two_processes_have_the_losses_of_one(two, tmp_path, devices, tolerance):
    train(tmp_path / "one", num_processes=1, devices=devices)
    (expected, steps), (found, found_steps) = losses(tmp_path / "one"), losses(two[0])
    assert found_steps == steps == [2, 4, 6, 8]
    np.testing.assert_allclose(found, expected, rtol=tolerance)


def test_only_the_first_process_says_and_writes_anything(two):
    workdir, (first, second) = two
    assert second == "" and "2 x cpu" in first and "step 8/8" in first and "done" in first
    assert len(list((workdir / "tensorboard").iterdir())) == 1
    assert [path.name for path in sorted((workdir / "pictures").iterdir())] == ["epoch_0001.png", "epoch_0002.png"]


@pytest.mark.parametrize("num_processes", [1, 4])
def test_a_checkpoint_of_two_processes_is_continued_by_another_number(two, tmp_path, num_processes):
    """Four of them know each other by what Slurm would have told them."""
    workdir = tmp_path / "run"
    shutil.copytree(two[0], workdir)
    shutil.rmtree(workdir / "checkpoints" / "8")
    commands = commands_of(workdir, num_processes=1) * num_processes
    environments = slurm_tasks(num_processes) if num_processes > 1 else None
    with started(tmp_path / "said", *commands, environments=environments) as processes:
        for each in processes:
            assert each.process.wait(PATIENCE) == 0, each.err()
        said = [said_by_us(each.out()) for each in processes]
    assert "continuing at step 4 of 8" in said[0] and f"{num_processes} x cpu" in said[0] and not any(said[1:])
    (found, steps), (expected, _) = losses(workdir), losses(two[0])
    assert steps == [2, 4, 6, 8]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("killed", [0, 1])
def test_after_a_kill_the_rest_ends_and_the_same_command_continues_until_one_is_told_to_stop(tmp_path, killed):
    workdir = tmp_path / "run"
    flags = ["--config.train.num_epochs=1000000", "--config.train.save_every_epochs=5", NO_PICTURES]
    with started(tmp_path / "first", *commands_of(workdir, *flags)) as processes:
        wait_until(lambda: list(workdir.glob("checkpoints/*/sha256.json")), processes)
        processes[killed].process.kill()
        survivor = processes[1 - killed]
        assert survivor.process.wait(60) == 1
    last = survivor.err().splitlines()[-1]
    pattern = r"error: another process of this run ended.*; start all of them again .* last checkpoint \(step (\d+)\)"
    step = int(re.fullmatch(pattern, last).group(1))

    with started(tmp_path / "second", *commands_of(workdir, *flags)) as processes:
        wait_until(lambda: f"continuing at step {step} of" in processes[0].out(), processes)
        wait_until(lambda: losses(workdir)[1][-1] > step, processes)
        processes[killed].process.send_signal(signal.SIGTERM)
        for each in processes:
            assert each.process.wait(PATIENCE) == 128 + signal.SIGTERM, each.err()
        stopped = int(re.search(r"stopped and saved at step (\d+)", processes[0].out()).group(1))
        assert said_by_us(processes[1].out()) == ""
    assert stopped > step and (workdir / "checkpoints" / str(stopped) / "sha256.json").exists()
    assert losses(workdir)[1] == list(range(2, stopped + 1, 2))


def test_two_processes_learn_from_disk_what_one_does(tmp_path):
    images = np.round(np.random.default_rng(0).random((80, 12, 12)) * 255).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    data = {"name": "images", "path": tmp_path / "images.npy", "canvas": 0, "translation_px": 0, "test_fraction": 0}
    data |= {"num_train": 0, "num_test": 0, "memory_mb": 0}
    flags = [f"--config.data.{key}={value}" for key, value in data.items()]
    flags += ["--config.train.batch_size=16", "--config.train.num_epochs=1", NO_PICTURES]
    said = train(tmp_path / "two", *flags)
    assert "streamed from disk" in said[0]
    train(tmp_path / "one", *flags, num_processes=1, devices=2)
    np.testing.assert_allclose(losses(tmp_path / "two")[0], losses(tmp_path / "one")[0], rtol=1e-5)


def test_processes_of_different_configurations_are_refused(tmp_path):
    first, second = commands_of(tmp_path / "run")
    with started(tmp_path / "said", first, [*second, "--config.seed=3"]) as processes:
        for each in processes:
            assert each.process.wait(PATIENCE) == 2
            assert (
                "expected the same configuration and --workdir in every process, found another in process 1"
                in each.err()
            )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--distributed"], "expected a cluster that JAX knows"),
        (["--distributed", "on"], "expected a cluster that JAX knows"),
        (["--num-processes=2"], "add --coordinator_address, --process_id"),
        (["--coordinator-address=127.0.0.1:{port}", "--num-processes=2", "--process-id=1"], "expected process 0 at"),
    ],
)
def test_processes_that_cannot_join_end_with_one_line(run_script, tmp_path, flags, message):
    flags = [flag.format(port=free_port()) for flag in flags]
    run = run_script(
        "train.py", "--config", "configs/tiny.py", "--workdir", tmp_path / "run", "--join_seconds=1", *flags
    )
    assert run.returncode == 2 and message in run.stderr and len(run.stderr.splitlines()) == 1, run.stderr
    assert run.stdout == "" and not (tmp_path / "run").exists()


def test_a_coordinator_whom_nobody_joins_says_so_last(run_script, tmp_path):
    first, _ = commands_of(tmp_path / "run", "--join_seconds=3")
    run = run_script(*first[2:])
    assert run.returncode == 2, run.stderr
    assert re.match(r"error: expected all processes at .* within 3 s, found some missing", run.stderr.splitlines()[-1])


def test_an_abort_in_a_thread_of_anybody_ends_with_our_words_and_status():
    code = "import os; from irl_inr_jax.distributed import abort_says\n"
    code += "with abort_says(lambda: 'last words', status=3): pass\n"
    says = "with abort_says(lambda: 'last words', status=3): os.abort()"
    environment = {**ONE_DEVICE, "PYTHONPATH": str(ROOT)}
    for body, status, words in ((says, 3, "last words\n"), ("os.abort()", -signal.SIGABRT, "")):
        run = subprocess.run([sys.executable, "-c", code + body], env=environment, capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (status, words)


def test_signs_of_a_lost_process_are_found_in_what_led_to_an_exception():
    try:
        try:
            raise ValueError("UNKNOWN: Gloo all-reduce failed: Connection closed by peer [10.0.0.1]:1")
        except ValueError as error:
            raise RuntimeError("saving failed") from error
    except RuntimeError as error:
        assert is_sign_of_loss(error)
    assert not is_sign_of_loss(ValueError("expected a finite loss"))


def test_a_process_on_its_own_waits_for_nobody_and_keeps_its_exceptions():
    with pytest.raises(ValueError, match="Gloo"), ends_with_the_others(lambda: ""), first_process_first():
        raise ValueError("Gloo")
    assert agree_on_signal(lambda: 15, every=10)() == 15
