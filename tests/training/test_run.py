"""What is asked of a run before it starts."""

import pytest

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.training.run import check_batch, load_trained, total_steps
from irl_inr_jax.types import InputError


def test_a_batch_must_be_filled_and_shared_evenly(tiny_config):
    dataset = make_dataset(tiny_config.data)
    check_batch(tiny_config, dataset, 8)
    with pytest.raises(InputError, match=r"multiple of the 7 devices, found 64; try --config.train.batch_size=63"):
        check_batch(tiny_config, dataset, 7)
    tiny_config.train.batch_size = 257
    with pytest.raises(
        InputError, match=r"at most the 256 training images, found 257; try --config.train.batch_size=64"
    ):
        check_batch(tiny_config, dataset, 1)


def test_steps_leave_out_what_fills_no_batch(tiny_config):
    tiny_config.train.update(batch_size=100, num_epochs=3)
    assert total_steps(tiny_config, make_dataset(tiny_config.data)) == 6


def test_a_run_without_checkpoints_says_so(tiny_config, tmp_path):
    dataset = make_dataset(tiny_config.data)
    with pytest.raises(InputError, match=r"expected checkpoints in .* found none; train first"):
        load_trained(tmp_path, tiny_config, dataset, say=print)
