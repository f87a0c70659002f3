from pathlib import Path

import numpy as np
import pytest

from irl_inr_jax.data.readers.stacks import damaged, missing_package, source_name, stack_source
from irl_inr_jax.types import InputError

IMAGES = np.random.default_rng(0).normal(size=(4, 5, 6))
PATH = Path("lots/mine.xyz")


def make(data, images=IMAGES, **known):
    return stack_source(data, PATH, lambda rows: images[rows], shape=images.shape, dtype=images.dtype, **known)


def test_default_ids_consist_of_stem_and_row(data):
    source = make(data)
    assert source.ids.tolist() == ["mine/00000", "mine/00001", "mine/00002", "mine/00003"]
    assert source.name == "config.data.path (lots/mine.xyz)" and source.sizes.tolist() == [[5, 6]] * 4
    assert make(data, ids=np.arange(4)).ids.tolist() == ["0", "1", "2", "3"]


def test_images_are_converted_on_read(data):
    source = make(data)
    images = source.read(np.array([3, 0, 3]))
    assert source.dtype == images.dtype == np.float32 and images.shape == (3, 5, 6, 1)
    np.testing.assert_array_equal(images[..., 0], IMAGES[[3, 0, 3]].astype(np.float32))


def test_float32_overflow_gives_infinity_without_a_warning(data):
    assert np.isinf(make(data, np.full((1, 2, 2), 1e300)).read(np.array([0]))).all()


@pytest.mark.parametrize("values", [np.arange(3), np.full((4, 2), 3)])
def test_wrong_number_of_labels_or_ids_is_an_error(data, values):
    with pytest.raises(InputError, match="one label for each of the 4 images, found"):
        make(data, labels=values)
    with pytest.raises(InputError, match="one id for each of the 4 images, found"):
        make(data, ids=values)


def test_messages_name_the_file_and_the_remedy(tmp_path):
    assert source_name(PATH, "x") == "config.data.path (lots/mine.xyz, x)"
    assert str(missing_package(PATH, "some")).endswith("found none; install it with: pip install some")
    (tmp_path / "a").touch()
    assert "(it is empty)" in str(damaged(tmp_path / "a", "an image", ValueError("two\nlines")))
    assert "(two lines)" in str(damaged(PATH, "an image", ValueError("two\nlines")))
