"""Damaged and misleading files of every format: read, or refused in one line, within bounds of time and memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("h5py")
pytest.importorskip("astropy")
pytest.importorskip("zarr")

from tests.data.damaged_inputs import FILES, NUM_IMAGES, damage_files
from tests.data.misleading_inputs import build_misleading

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Return (inputs, outcomes) by name; the process that reads has bounds of 60 s for each and 2 GB."""
    folder = tmp_path_factory.mktemp("inputs")
    inputs = [*damage_files(folder, num_each=32, seed=0), *build_misleading(folder)]
    listed = folder / "inputs.json"
    listed.write_text(json.dumps([[item.name, item.keys] for item in inputs]))
    command = [sys.executable, str(Path(__file__).with_name("read_inputs.py")), str(listed)]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(folder), timeout=3000)
    found = {outcome["name"]: outcome for outcome in map(json.loads, done.stdout.splitlines())}
    assert list(found) == [item.name for item in inputs], done.stderr[-2000:]
    return {item.name: item for item in inputs}, found


def _environment(folder):
    root = str(Path(__file__).parents[2])
    return {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "JAX_PLATFORMS": "cpu", "PYTHONPATH": root}


def list_lines(texts):
    """Return one line for each input."""
    return "\n".join(f"{name}: {text}" for name, text in texts.items())


def test_no_input_crashes_hangs_or_takes_more_memory(outcomes):
    _, found = outcomes
    crashed = {name: outcome["message"] for name, outcome in found.items() if outcome["status"] == "crashed"}
    assert not crashed, list_lines(crashed)


def test_a_refusal_is_one_line_that_says_what_was_expected(outcomes):
    _, found = outcomes
    refused = {name: outcome["message"] for name, outcome in found.items() if outcome["status"] == "refused"}
    assert len(refused) > 100
    unclear = {name: text for name, text in refused.items() if "\n" in text or "expected" not in text}
    assert not unclear, list_lines(unclear)


def test_libraries_write_no_lines_beside_ours(outcomes):
    _, found = outcomes
    written = {name: outcome["written"].strip() for name, outcome in found.items() if outcome["written"].strip()}
    assert not written, list_lines(written)


def test_a_file_that_is_cut_is_refused_or_read_whole(outcomes):
    inputs, found = outcomes
    cut = [name for name, item in inputs.items() if item.is_cut]
    assert len(cut) >= 8 * (len(FILES) - 2)
    assert [name for name in cut if found[name]["status"] == "read" and found[name]["images"] != NUM_IMAGES] == []
