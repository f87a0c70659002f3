"""Drills with a full disk, a folder that cannot be written, and Ctrl-C: one line, and the same command continues."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.conftest import ONE_DEVICE, ROOT

pytestmark = pytest.mark.slow
KILOBYTES = (2, 12)  # size of the largest file: less than the configuration has, and less than a checkpoint
TRAIN = ("train", "--config", "configs/tiny.py", "--workdir")


def start(*arguments, file_size=resource.RLIM_INFINITY):
    """irl-inr in a process that can write files of at most `file_size` bytes."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))

    command = [sys.executable, "-u", "-m", "irl_inr_jax", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=ONE_DEVICE, preexec_fn=limit, **pipes)


def check_one_line(process, status, words):
    """Wait for the end: this status, and one line on stderr with one of the words."""
    _, written = process.communicate(timeout=400)
    assert process.returncode == status and "Traceback" not in written, written
    lines = [line for line in written.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and any(word in lines[0] for word in words), written
    return written


def test_a_full_disk_is_one_line_and_the_run_continues_when_there_is_room(tmp_path):
    for limit in KILOBYTES:
        process = start(*TRAIN, tmp_path / "run", "--compilation_cache=off", file_size=1000 * limit)
        _, written = process.communicate(timeout=400)
        assert process.returncode in (1, 2) and written.count("\n") == 1 and "too large" in written, written
        print(f"files of at most {limit} kB: status {process.returncode}, {written.strip()}")
    process = start(*TRAIN, tmp_path / "run")
    _, written = process.communicate(timeout=400)
    assert process.returncode == 0, written
    evaluate = ("evaluate", "--workdir", tmp_path / "run", "--clusterers", "kmeans", "--report", "scores")
    check_one_line(start(*evaluate, "--compilation_cache=off", file_size=1000), 1, ["too large"])
    assert not list(tmp_path.rglob("*.tmp"))
    assert start(*evaluate).wait(timeout=400) == 0


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    if os.geteuid():
        (tmp_path / "kept").mkdir(mode=0o500)
        workdir = tmp_path / "kept" / "run"
    else:  # root may write everywhere but there
        workdir = "/proc/run"
    check_one_line(start(*TRAIN, workdir), 2, ["to be writable"])
    check_one_line(start(*TRAIN, tmp_path / ("x" * 300)), 1, ["name too long"])


def test_ctrl_c_while_compiling_ends_cleanly(tmp_path):
    process, found = start(*TRAIN, tmp_path / "run", "--compilation_cache=off"), threading.Event()

    stdout, stderr = process.stdout, process.stderr
    assert stdout is not None and stderr is not None

    def watch():
        for line in stdout:
            if "compiling" in line:
                found.set()

    threading.Thread(target=watch, daemon=True).start()
    assert found.wait(300)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    written = stderr.read()
    assert process.wait(timeout=300) == 130 and "Traceback" not in written, written
