"""Test the wheel: installed into an empty folder, its console script works from any folder and brings the presets."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tests.conftest import ONE_DEVICE, ROOT

pytestmark = pytest.mark.slow


def run(*command, cwd, **environment):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**ONE_DEVICE, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the checkout, built outside it."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("irl_inr_jax", "configs", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        os.symlink(ROOT / name, folder / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "out", ".", cwd=folder)
    return next((folder / "out").glob("*.whl"))


def test_an_installed_wheel_inspects_trains_and_evaluates_from_another_folder(wheel, tmp_path):
    # Folders that come before the editable installation of the test environment, whose libraries it shares.
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--target", target, wheel, cwd=elsewhere)
    script, paths = target / "bin" / "irl-inr", {"PYTHONPATH": str(target)}

    where = "import irl_inr_jax, irl_inr_jax.presets as presets; print(irl_inr_jax.__file__, presets.__file__)"
    assert run(sys.executable, "-c", where, cwd=elsewhere, **paths).split() == [
        str(target / "irl_inr_jax" / "__init__.py"),
        str(target / "irl_inr_jax" / "presets" / "__init__.py"),
    ]
    np.save(elsewhere / "mine.npy", np.random.default_rng(0).integers(0, 255, (40, 12, 12), dtype=np.uint8))
    assert "images: 40" in run(sys.executable, script, "inspect", "mine.npy", "--nocost", cwd=elsewhere, **paths)
    settings = ("--config.train.num_epochs=1", "--workdir", "run")
    assert "done: " in run(sys.executable, script, "train", "--config", "tiny", *settings, cwd=elsewhere, **paths)
    evaluated = run(sys.executable, script, "evaluate", "--workdir", "run", "--report=scores", cwd=elsewhere, **paths)
    assert "kmeans" in evaluated and (elsewhere / "run" / "eval" / "clusters.csv").is_file()


def test_the_wheel_has_the_package_and_its_metadata_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"irl_inr_jax", "irl_inr_jax-0.1.0.dist-info"}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "irl_inr_jax").rglob("*.py")}
    sources |= {f"irl_inr_jax/presets/{path.name}" for path in (ROOT / "configs").glob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert any(name.endswith("licenses/LICENSE") for name in names)
