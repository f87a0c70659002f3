"""Test that compiled programs are kept between processes, and where."""

import os
import subprocess
import sys

import pytest

from irl_inr_jax.devices.compilation_cache import enable_compilation_cache, remove_unfinished
from tests.conftest import ONE_DEVICE, ROOT

SCRIPT = """
import collections, sys, jax
from irl_inr_jax.devices import compilation_cache
compilation_cache.MIN_COMPILE_SECONDS = 0.0
events = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: events.update([event.split("/")[-1]]))
compilation_cache.enable_compilation_cache(sys.argv[1] if sys.argv[1:] else None)
for function in (lambda x: x * 2 + 1, lambda x: x / 7):
    jax.jit(function)(3)
print(events["cache_hits"], "hits", events["cache_misses"], "misses")
"""


@pytest.fixture
def settings(monkeypatch):
    """The settings that `enable_compilation_cache` makes, in place of JAX's and of the environment."""
    updates = {}
    monkeypatch.setattr("jax.config.update", updates.__setitem__)
    monkeypatch.setattr(os, "environ", {})
    return updates


def test_the_default_is_one_folder_of_the_user_with_a_limit(settings, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name, **options: f"/cache/{name}")
    enable_compilation_cache(None)
    assert settings["jax_enable_compilation_cache"] is True
    assert settings["jax_compilation_cache_dir"] == "/cache/irl_inr_jax"
    assert settings["jax_compilation_cache_max_size"] == 2 * 1024**3
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "/cache/irl_inr_jax"  # for processes that this one starts


def test_another_folder_or_none(settings):
    enable_compilation_cache("mine")
    assert settings["jax_compilation_cache_dir"] == os.path.abspath("mine")
    settings.clear()
    enable_compilation_cache("off")
    assert settings == {"jax_enable_compilation_cache": False}


@pytest.mark.parametrize("name", ["JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"])
def test_variables_of_jax_take_precedence_over_the_default_alone(settings, name):
    os.environ[name] = "value"
    enable_compilation_cache(None)
    assert settings == {}
    enable_compilation_cache("mine")
    assert settings["jax_compilation_cache_dir"] == os.path.abspath("mine")


def test_only_programs_without_a_time_are_removed_and_only_beside_others_with_one(tmp_path):
    for name in ("a-cache", "b-cache"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "a-atime").touch()
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-atime", "a-cache"]
    remove_unfinished(tmp_path / "none")


@pytest.mark.slow
def test_the_second_process_compiles_nothing_and_an_unwritable_folder_is_a_warning(tmp_path):
    def run(folder):
        env = {name: value for name, value in ONE_DEVICE.items() if "CACHE" not in name}
        command = [sys.executable, "-c", SCRIPT, str(folder)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    first, _ = run(tmp_path / "cache")
    kept = sorted(path.name for path in (tmp_path / "cache").glob("*-cache"))
    assert first == f"0 hits {len(kept)} misses" and len(kept) > 1
    assert run(tmp_path / "cache")[0] == f"{len(kept)} hits 0 misses"
    assert sorted(path.name for path in (tmp_path / "cache").glob("*-cache")) == kept

    # A process was killed while it wrote a program: the rest is neither read nor in the way of others.
    (tmp_path / "cache" / kept[0]).write_bytes(b"part")
    (tmp_path / "cache" / kept[0].replace("-cache", "-atime")).unlink()
    assert run(tmp_path / "cache") == (f"{len(kept) - 1} hits 1 misses", "")
    assert run(tmp_path / "cache")[0] == f"{len(kept)} hits 0 misses"

    (tmp_path / "file").write_text("")
    counts, warnings = run(tmp_path / "file" / "cache")
    assert counts.startswith("0 hits") and "persistent compilation cache" in warnings
