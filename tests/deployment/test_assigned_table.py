"""Test that a table survives an interruption after any byte: no image is lost and none is there twice."""

import csv

import numpy as np
import pytest

from irl_inr_jax.deployment.assigned_table import (
    append_lines,
    column_names,
    continue_table,
    format_lines,
    start_table,
)
from irl_inr_jax.deployment.image_assignment import assign_stored
from irl_inr_jax.types import InputError
from tests.small_model import make_small_images, make_small_model

IDS = np.array(['a "b".png', "ü,\n.png", "c.png"])


@pytest.fixture(scope="module")
def assigned():
    images = make_small_images()[:3, ..., None]
    return assign_stored(make_small_model(), images, IDS, np.full((3, 2), 12))


@pytest.fixture
def whole(tmp_path, assigned):
    """The bytes of a table of three images."""
    start_table(tmp_path / "whole.csv", column_names(make_small_model()), raw=False)
    append_lines(tmp_path / "whole.csv", format_lines(make_small_model(), assigned))
    return (tmp_path / "whole.csv").read_bytes()


def test_lines_have_the_columns_and_values(whole, tmp_path, assigned):
    with (tmp_path / "whole.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(IDS)
    assert list(rows[0])[:4] == ["id", "kmeans", "kmeans_name", "kmeans_confidence"]
    assert list(rows[0])[-4:] == ["theta", "tau_x", "tau_y", "nearest"]
    names = {1: "ring <&>"}
    for row, cluster in zip(rows, assigned.clusters["kmeans"].tolist(), strict=True):
        assert int(row["kmeans"]) == cluster and row["kmeans_name"] == names.get(cluster, "")
        assert row["nearest"] == f"ü/{[*IDS].index(row['id'])}" and 0 <= float(row["kmeans_confidence"]) <= 1
        assert (row["outside"] == "true") == (float(row["novelty"]) > 1)
    # 12 pixels a side: half a side is 6 pixels.
    np.testing.assert_allclose([float(row["tau_x"]) for row in rows], 6 * assigned.pose.tau[:, 0], atol=1e-4)


def test_a_table_cut_anywhere_is_continued_without_loss_or_repetition(whole, tmp_path, assigned):
    path, columns = tmp_path / "cut.csv", column_names(make_small_model())
    text = format_lines(make_small_model(), assigned)
    parsed = list(csv.reader(text.splitlines(keepends=True)))
    for size in range(0, len(whole) + 1, 3):
        path.write_bytes(whole[:size])
        done = continue_table(path, columns, raw=False)
        assert done <= set(IDS)
        buffer = [row for row in parsed if row[0] not in done]
        with path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(buffer)
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
        assert header == columns and sorted(row[0] for row in rows) == sorted(IDS)


def test_a_table_of_another_model_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("id,other\n1,2\n")
    with pytest.raises(InputError, match="expected a table of this model"):
        continue_table(tmp_path / "a.csv", column_names(make_small_model()), raw=False)


@pytest.mark.parametrize("content", ["name,colour\nx,red\ny,blue", "one line without an end"])
def test_a_table_that_is_not_ours_is_refused_as_it_is(tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(InputError, match="expected a table of this model"):
        continue_table(path, ["id", "kmeans"], raw=False)
    assert path.read_text() == content
