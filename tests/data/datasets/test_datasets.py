"""irl_inr_jax/data/__init__.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from irl_inr_jax.data.datasets import DATASETS, make_dataset
from irl_inr_jax.types import InputError

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("wrong", "nearest"), [("minst_u", "mnist_u"), ("folders", "folder"), ("NPZ", None), ("", None)]
)
def test_an_unknown_name_is_answered_with_the_nearest_and_all_known_ones(data, wrong, nearest):
    data.name = wrong
    with pytest.raises(InputError, match=rf"^config\.data\.name: .*found '{wrong}', did you mean") as caught:
        make_dataset(data)
    assert all(name in str(caught.value) for name in DATASETS)
    assert nearest is None or f"did you mean '{nearest}'" in str(caught.value)


def test_importing_the_data_sets_does_not_import_tensorflow_datasets():
    code = "import sys, irl_inr_jax.data; sys.exit('tensorflow_datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
