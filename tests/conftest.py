"""Settings of the whole suite, made before any test imports JAX, and fixtures that many tests use."""

import gc
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from platformdirs import user_cache_dir

ROOT = Path(__file__).resolve().parents[1]
os.environ["JAX_PLATFORMS"] = "cpu"
# One device unless the environment asks for more, as `make test` does for the tests marked multi_device.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "1")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
# Compilation is most of a test's time. The cache serves the tests, the scripts that they start, later runs and clones.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", user_cache_dir("irl_inr_jax_tests", False))
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
os.environ["OMP_NUM_THREADS"] = "1"  # two pytest workers share two cores
# Tracing and lowering are the rest of it. Both leave millions of live objects, which the default thresholds search for
# garbage again and again, and the lines of source in a lowered program are only for readers of its text.
gc.set_threshold(50_000, 20, 100)
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"

# The environment of a script: always one device, since another number sums in another order.
ONE_DEVICE = {**os.environ, "JAX_NUM_CPU_DEVICES": "1"}
NUM_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
MAX_WORKER_BYTES = psutil.virtual_memory().total / (2 * NUM_WORKERS)  # a clearance costs seconds of tracing again
NUM_DEVICES = int(os.environ["JAX_NUM_CPU_DEVICES"])


def load_script(path):
    """The module in a file outside the package, such as docs/site_pages.py."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_ignore_collect(collection_path):
    """With several devices, do not import modules that have no test for them."""
    is_module = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if NUM_DEVICES > 1 and is_module and "multi_device" not in collection_path.read_text() else None


def pytest_collection_modifyitems(config, items):
    """Keep the tests for the number of devices in use: `multi_device` tests with several, all others with one."""
    kept = [item for item in items if (item.get_closest_marker("multi_device") is not None) == (NUM_DEVICES > 1)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="module", autouse=True)
def release_compiled_programs():
    """Free the programs of a worker that holds its part of half the memory; until then, later modules reuse them."""
    yield
    if psutil.Process().memory_info().rss > MAX_WORKER_BYTES:
        import jax

        jax.clear_caches()


@pytest.fixture
def tiny_config():
    """The configuration of configs/tiny.py, unlocked for the test's own changes."""
    from irl_inr_jax.presets import tiny

    return tiny.get_config().unlock()


@pytest.fixture
def run_script(tmp_path):
    """run_script('train.py', '--flag', ...) as a user would, on one device; the finished process."""

    def run(script, *arguments, **environment):
        command = [sys.executable, str(ROOT / script), *map(str, arguments)]
        env = {**ONE_DEVICE, **environment}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)

    return run
