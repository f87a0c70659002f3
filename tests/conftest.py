"""Settings of the whole suite, made before any test imports JAX, and what many tests start from."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_NUM_CPU_DEVICES"] = "8"
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


@pytest.fixture
def tiny_config():
    """configs/tiny.py, unlocked for the test's own changes."""
    from configs import tiny

    return tiny.get_config().unlock()


@pytest.fixture
def run_script(tmp_path):
    """run_script('train.py', '--flag', ...) as a user would, on one device; the finished process."""

    def run(script, *arguments, **environment):
        env = {**os.environ, "JAX_NUM_CPU_DEVICES": "1", **environment}
        command = [sys.executable, str(ROOT / script), *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)

    return run
