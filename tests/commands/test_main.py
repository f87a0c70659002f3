"""Test the console script: verbs, help and slow imports."""

import json
import subprocess
import sys
import tomllib

import pytest

from irl_inr_jax.commands.main import VERBS
from tests.conftest import ONE_DEVICE, ROOT

# Runs a script or module with --help in this process, and lists the modules that it imported.
REQUEST_HELP = """
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


def test_help_teaches_every_verb(irl_inr):
    for arguments in ((), ("--help",), ("-h",)):
        result = irl_inr(*arguments)
        assert result.status == 0 and all(f"irl-inr {verb} " in result.out for verb in VERBS)
    for verb in VERBS:
        result = irl_inr(verb, "--help")
        assert result.status == 0 and f"irl-inr {verb} " in result.out and "--compilation_cache" in result.out


def test_the_version_is_that_of_the_package(irl_inr):
    import irl_inr_jax

    assert irl_inr("--version").out == f"{irl_inr_jax.__version__}\n"


def test_an_unknown_verb_is_refused(refused):
    refused(["inspekt"], ["expected one of run, inspect, train, evaluate", "'inspekt'"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["train.py"],
        ["irl_inr_jax", "inspect"],
        *(pytest.param(other, marks=pytest.mark.slow) for other in (["evaluate.py"], ["papers"], ["benchmarks.embed"])),
    ],
    ids=" ".join,
)
def test_help_imports_nothing_slow(arguments):
    command = [sys.executable, "-c", REQUEST_HELP, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *text, modules = done.stdout.splitlines()
    modules = set(json.loads(modules))
    assert len(text) > 5 and not SLOW & modules
    assert arguments[0] == "papers" or not {"jax", "flax"} & modules


def test_the_console_script_calls_main():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"irl-inr": "irl_inr_jax.commands.main:main"}
