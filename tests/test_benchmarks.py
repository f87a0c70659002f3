"""The benchmarks at sizes that measure nothing: do they print their tables?"""

import subprocess
import sys

from tests.conftest import ONE_DEVICE, ROOT


def run(*arguments):
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=ONE_DEVICE, capture_output=True, text=True, timeout=300)


def test_embed_has_a_row_a_configuration():
    done = run("benchmarks.embed", "--configs=tiny", "--num-images=64", "--steps=1", "--rounds=1")
    assert done.returncode == 0, done.stderr
    *_, head, rule, row = done.stdout.splitlines()
    assert head.split("  ")[-1].strip() == "embedding / training" and set(rule) <= {"─", " "}
    assert row.startswith("tiny") and all(float(cell) > 0 for cell in row.split()[1:])


def test_neighbours_has_a_row_a_number_of_points():
    done = run("benchmarks.neighbours", "--num-points=2048,4096", "--dim=4", "--num-queries=2048")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[-2:]]
    assert [row[0] for row in rows] == ["2048", "4096"] and all(float(row[2]) > 0 for row in rows)


def test_what_cannot_be_measured_is_one_line_and_status_2():
    for arguments, message in (
        (["benchmarks.embed", "--configs=digit_u"], "names of files in configs/ for --configs, found 'digit_u'"),
        (["benchmarks.embed", "--configs=images"], "configurations that set data.canvas, found 0 in images"),
        (["benchmarks.neighbours", "--num-points=many"], "whole numbers of at least 3072, the queries, for --num_p"),
    ):
        done = run(*arguments)
        assert done.returncode == 2 and done.stderr.startswith("error: expected ") and message in done.stderr
        assert len(done.stderr.splitlines()) == 1
