"""What is waited for before a script does something."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import irl_inr_jax
from irl_inr_jax.clustering import CLUSTERERS
from irl_inr_jax.training.startup import Startup
from tests.conftest import ONE_DEVICE, ROOT

# Runs a script or module with --help in this process, and then lists what it imported.
ASK_FOR_HELP = """
import json, runpy, sys
target, *arguments = sys.argv[1:]
sys.argv = [target, *arguments, "--help"]
try:
    (runpy.run_path if target.endswith(".py") else runpy.run_module)(target, run_name="__main__")
except SystemExit as ended:
    assert ended.code == 0
print(json.dumps(sorted(sys.modules)))
"""
SLOW = {"sklearn", "scipy.stats", "scipy.ndimage", "matplotlib", "orbax", "tensorboardX", "torch", "pandas", "pyarrow"}
SLOW |= {"tensorflow_datasets", "grain", "fastcluster", "tifffile", "mrcfile"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["train.py"],
        ["evaluate.py"],
        ["irl_inr_jax"],
        ["irl_inr_jax", "inspect"],
        ["papers"],
        ["benchmarks.embed"],
        ["benchmarks.neighbours"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_slow(arguments):
    command = [sys.executable, "-c", ASK_FOR_HELP, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *text, modules = done.stdout.splitlines()
    assert len(text) > 5 and not SLOW & set(json.loads(modules))


def test_help_names_every_clusterer(run_script):
    words = run_script("evaluate.py", "--help").stdout.replace(",", " ").replace(".", " ").split()
    assert set(CLUSTERERS) <= set(words)


def test_the_package_has_its_public_names():
    assert all(hasattr(irl_inr_jax, name) for name in irl_inr_jax.__all__)
    assert set(irl_inr_jax.__all__) <= set(dir(irl_inr_jax))
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        _ = irl_inr_jax.evaluat


def test_the_first_step_is_told_once_with_what_it_was_made_of():
    startup, said = Startup(), []
    with startup.time_reading():
        pass
    assert startup.take_scalars() == {}
    take_step = startup.time_first(jax.jit(lambda state, batch: (state + batch, {"loss": state})), said.append)
    for state in (1.0, 2.0):
        after, metrics = take_step(jnp.float32(state), np.float32(3))
        assert (float(after), float(metrics["loss"])) == (state + 3, state)
    (line,) = said
    seconds = startup.take_scalars()["seconds_to_first_step"]
    assert line.startswith(f"first step after {seconds:.1f} s (imports ") and "reading 0.0 s" in line
    assert startup.take_scalars() == {}
    assert 0 < startup.compiling < seconds and 0 < startup.imports < seconds
    compiling = startup.compiling
    jax.jit(lambda x: x * 5)(3)
    assert startup.compiling == compiling  # what is compiled later is not counted
