"""The list of images to look at next is read as it was written."""

import numpy as np
import pytest

from irl_inr_jax.data.csv_cells import write_csv
from irl_inr_jax.types import InputError
from irl_inr_jax.workflows.spread_corrections import place_list, read_next_rows

IDS = np.array(["=a.png", "b.png", "'=c.png", "'d.png"])


@pytest.fixture
def path(tmp_path):
    path = place_list(tmp_path, "kmeans")
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("raw", [True, False])
def test_ids_that_a_spreadsheet_would_evaluate_are_found_again(path, tmp_path, raw):
    order = [3, 0, 2, 1]
    write_csv(path, {"id": [*IDS[order], "removed.png"], "name": [""] * 5}, raw=raw)
    assert ("\n=a.png" in path.read_text()) == raw
    assert read_next_rows(tmp_path, IDS, "kmeans", raw=raw) == order


def test_without_a_list_there_are_no_rows_and_another_table_is_refused(path, tmp_path):
    assert read_next_rows(tmp_path, IDS, "kmeans", raw=False) == []
    path.write_text("file\nb.png\n")
    with pytest.raises(InputError, match=r"expected a list of images in .*no column 'id'.*curate --propagate"):
        read_next_rows(tmp_path, IDS, "kmeans", raw=False)
