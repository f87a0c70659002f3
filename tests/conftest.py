"""Settings of the whole suite, made before any test imports JAX, and what many tests start from."""
# ruff: noqa: E402

import os
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_NUM_CPU_DEVICES"] = "8"
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
# Compiling is most of a test's time, and tests and the scripts that they start compile the same programs.
ROOT = Path(__file__).resolve().parents[1]
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(ROOT / ".pytest_cache" / "jax")
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

import subprocess
import sys

import jax
import pytest

sys.path.insert(0, str(ROOT))


# The environment of a script: the same number of devices every time, since another rounds sums in another order.
ONE_DEVICE = {**os.environ, "JAX_NUM_CPU_DEVICES": "1"}


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs():
    """A worker would otherwise hold those of every test before: gigabytes by the end. They stay on disk."""
    yield
    jax.clear_caches()


@pytest.fixture
def tiny_config():
    """configs/tiny.py, unlocked for the test's own changes."""
    from configs import tiny

    return tiny.get_config().unlock()


@pytest.fixture
def run_script(tmp_path):
    """run_script('train.py', '--flag', ...) as a user would, on one device; the finished process."""

    def run(script, *arguments, **environment):
        command = [sys.executable, str(ROOT / script), *map(str, arguments)]
        env = {**ONE_DEVICE, **environment}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)

    return run
