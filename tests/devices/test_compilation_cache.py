"""Compiled programs between runs, by a script that compiles one."""

import os
import subprocess
import sys

import pytest

from irl_inr_jax.devices.compilation_cache import drop_oldest
from tests.conftest import ONE_DEVICE, ROOT

SCRIPT = """
from irl_inr_jax.cli import parse_flags, run_script
parse_flags()
import collections, jax
from irl_inr_jax import compile_cache
compile_cache.MIN_COMPILE_SECONDS = 0.0
events = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: events.update([event.split("/")[-1]]))
def main():
    jax.jit(lambda x: x * 2 + 1)(3)
    print(events["cache_hits"], "hits", events["cache_misses"], "misses")
    return 0
run_script(main)
"""


@pytest.fixture
def run(tmp_path):
    """run('--flag', ..., VARIABLE=...): what the script printed and warned of; the user's cache is tmp_path/user."""

    def call(*arguments, **environment):
        env = {name: value for name, value in ONE_DEVICE.items() if "CACHE" not in name}
        env |= {"XDG_CACHE_HOME": str(tmp_path / "user"), **environment}
        command = [sys.executable, "-c", SCRIPT, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    return call


def programs(folder):
    return sorted(path.name for path in folder.rglob("*-cache"))


def test_the_second_run_compiles_nothing(run, tmp_path):
    first, _ = run()
    kept = programs(tmp_path / "user" / "irl_inr_jax")
    assert first == f"0 hits {len(kept)} misses" and kept
    assert run()[0] == f"{len(kept)} hits 0 misses"
    assert programs(tmp_path / "user") == kept


def test_another_folder_or_none(run, tmp_path):
    run("--compilation_cache", str(tmp_path / "mine"))
    assert programs(tmp_path / "mine")
    run("--compilation-cache=off", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "jax"))
    assert not (tmp_path / "user").exists() and not (tmp_path / "jax").exists()


def test_what_the_environment_tells_jax_not_to_keep_is_not_kept(run, tmp_path):
    run(JAX_ENABLE_COMPILATION_CACHE="false")
    assert not (tmp_path / "user").exists()


def test_a_folder_named_for_jax_is_left_to_jax(run, tmp_path):
    variables = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "jax"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    run(**variables)
    assert programs(tmp_path / "jax") and not (tmp_path / "user").exists()
    run("--compilation_cache", str(tmp_path / "mine"), **variables)
    assert programs(tmp_path / "mine")


def test_a_folder_that_cannot_be_written_is_a_warning(run, tmp_path):
    (tmp_path / "user").write_text("a file")
    said, warned = run()
    assert said.startswith("0 hits") and warned.startswith("warning: expected a folder for compiled programs")
    assert len(warned.splitlines()) == 1 and "--compilation_cache=DIR" in warned


def test_the_oldest_programs_go_first(tmp_path):
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / f"{name}-cache"
        path.write_bytes(b"0" * 100)
        os.utime(path, (1e9 - age, 1e9 - age))
    drop_oldest(tmp_path, 300)
    assert len(programs(tmp_path)) == 3
    drop_oldest(tmp_path, 250)
    assert programs(tmp_path) == ["middle-cache", "new-cache"]
