"""Smoke tests of the benchmarks: they print their tables."""

import subprocess
import sys

import pytest

from irl_inr_jax.deployment.bundle_file import save_bundle
from tests.conftest import ONE_DEVICE, ROOT
from tests.small_model import make_small_model

pytestmark = pytest.mark.slow


def run(*arguments, **environment):
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**ONE_DEVICE, **environment}, capture_output=True, text=True, timeout=900
    )


def test_embed_has_one_row_per_configuration():
    done = run("benchmarks.embed", "--configs=tiny", "--num-images=64", "--steps=1", "--rounds=1")
    assert done.returncode == 0, done.stderr
    *_, head, rule, row = done.stdout.splitlines()
    assert head.split("  ")[-1].strip() == "embedding / training" and set(rule) <= {"─", " "}
    assert row.startswith("tiny") and all(float(cell) > 0 for cell in row.split()[1:])


def test_assign_has_one_row_per_part(tmp_path):
    save_bundle(tmp_path / "small.irl", make_small_model())
    model = f"--model={tmp_path / 'small.irl'}"
    done = run("benchmarks.assign", model, "--num-images=256", "--steps=1", "--rounds=1")
    assert done.returncode == 0, done.stderr
    rows = {line[:29].strip(): line.split()[-2:] for line in done.stdout.splitlines()[2:]}
    assert list(rows)[:2] == ["training", "assign"] and {"kmeans", "agglomerative", "novelty"} <= set(rows)
    assert all(float(cell.replace(",", "")) > 0 for cells in rows.values() for cell in cells)


def test_neighbours_has_one_row_per_search_and_number_of_points():
    flags = ["--num-points=1024,2048", "--dims=4", "--num-queries=512", "--libraries=faiss, lists"]
    done = run("benchmarks.neighbours", *flags)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[-4:]]
    assert [row[0] for row in rows] == ["exact", "faiss,"] * 2
    assert [float(row[-5]) for row in rows][::2] == [1, 1] and all(float(row[-5]) > 0.95 for row in rows)


def test_large_has_one_row_per_part_and_number_of_images_with_its_notes():
    done = run(
        "benchmarks.large",
        "--num-images=300,600",
        "--dim=4",
        "--num-clusters=3",
        "--parts=kmeans,clusters.csv,stability",
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[-6:]]
    parts = ("kmeans", "clusters.csv", "stability")
    assert [row[:2] for row in rows] == [[part, count] for part in parts for count in ("300", "600")]
    assert all(float(row[3]) > 0 for row in rows) and rows[-1][-2:] == ["5,000", "images"]


def test_step_has_one_row_per_option_with_equal_losses():
    done = run("benchmarks.step", "--configs=tiny", "--options=encoder,bfloat16,steps", "--rounds=1", "--seconds=0")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("one "))) + 3 :]
    names = " ".join(table)
    for option in ("default", "encoder twice", "bfloat16", "steps per call: 1"):
        assert option in names
    assert "remat" not in names
    for line in table:
        if "steps per call: " in line or "encoder twice" in line:
            assert float(line.split()[-1]) < 1e-4, line


def test_step_prints_the_time_of_its_parts(tmp_path):
    settings = "--set=model.inr.widths=(64, 64)"
    done = run("benchmarks.step", "--configs=tiny", "--options=none", "--seconds=0", f"--trace={tmp_path}", settings)
    assert done.returncode == 0, done.stderr
    assert "ms of operations per step" in done.stdout and "\nINR " in done.stdout and "\noptimizer " in done.stdout
    assert list(tmp_path.glob("tiny/**/*.xplane.pb")) and (tmp_path / "tiny" / "program.txt").stat().st_size


def test_scan_has_one_row_per_stage():
    done = run("benchmarks.scan", "--configs=tiny", "--num-timed=128", "--set=clustering.scan.num_epochs=7")
    assert done.returncode == 0, done.stderr
    clustering, selflabel = (line.split() for line in done.stdout.splitlines()[-2:])
    assert clustering[:2] == ["tiny", "clustering"] and int(clustering[2]) > 0 and clustering[3] == "7"
    assert selflabel[:2] == ["tiny", "self-label"] and int(selflabel[2]) > 0


def test_scaling_has_one_row_per_number_of_devices():
    done = run("benchmarks.scaling", "--config=tiny", "--devices=1,4", "--batch-per-device=4", "--num-shards=1")
    assert done.returncode == 0, done.stderr
    *_, one, four = done.stdout.splitlines()
    assert one.split()[:2] == ["1", "4"] and four.split()[:2] == ["4", "16"]
    assert one.split()[-2:] == ["100", "%"] and float(four.split()[-2]) < 100


def test_gpu_check_writes_its_table_on_any_device(tmp_path):
    arguments = ("--configs=tiny", "--seconds=0", "--num-timed=128", f"--output={tmp_path / 'table.md'}")
    # Flax' batch norm in bfloat16 relies on the promotion that the suite forbids.
    done = run("benchmarks.gpu_check", *arguments, JAX_NUMPY_DTYPE_PROMOTION="standard")
    assert done.returncode == 0, done.stdout + done.stderr
    table = (tmp_path / "table.md").read_text()
    assert table.count("correct: ") == 5 and "False" not in table and table.count("speed: tiny") == 7
    assert table.count("SCAN, ") == 2 and "\nINR " in table


def test_invalid_requests_are_one_line_and_status_2():
    for arguments, message in (
        (["benchmarks.embed", "--configs=digit_u"], "names of files in configs/ for --configs, found 'digit_u'"),
        (["benchmarks.embed", "--configs=images"], "that set data.canvas or data.resize, found neither for images"),
        (["benchmarks.step", "--configs=tiny", "--options=magic"], "--options among all, none, "),
        (
            ["benchmarks.step", "--configs=tiny", "--set=model.width=3"],
            "expected the keys of irl_inr_jax/config after --set",
        ),
        (["benchmarks.scaling", "--devices=3", "--num-shards=2"], "numbers that --num_shards=2 divides for --devices"),
        (["benchmarks.neighbours", "--num-points=many"], "whole numbers of at least 1024 for --num_points, found many"),
    ):
        done = run(*arguments)
        assert done.returncode == 2 and done.stderr.startswith("error: expected ") and message in done.stderr
        assert len(done.stderr.splitlines()) == 1
