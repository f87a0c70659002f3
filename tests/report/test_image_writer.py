"""Image files of each type, read back by the package's own reader."""

import numpy as np
import pytest

from irl_inr_jax.data.readers.image_files import read_image
from irl_inr_jax.report.image_writer import choose_suffix, write_image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_written_pixels_are_read_back_exactly(tmp_path, dtype, channels):
    rng = np.random.default_rng(0)
    scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
    pixels = (rng.random((5, 7, channels)) * scale).astype(dtype)
    path = tmp_path / f"image{choose_suffix(np.dtype(dtype), channels)}"
    assert path.suffix == (".tif" if dtype == np.float32 else ".png")
    write_image(path, pixels)
    read = read_image(path)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, pixels)


def test_channels_that_png_does_not_have_become_tiff():
    assert choose_suffix(np.dtype(np.uint8), 2) == ".tif" == choose_suffix(np.dtype(np.uint16), 5)
