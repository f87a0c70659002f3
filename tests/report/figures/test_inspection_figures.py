"""The figures of a data set before training."""

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.config import base
from irl_inr_jax.data.assembly import assemble_dataset
from irl_inr_jax.data.source import array_source, row_ids
from irl_inr_jax.evaluation.orientation import Orientation
from irl_inr_jax.report.figures.inspection_figures import save_contact_sheet, save_histograms


@pytest.mark.parametrize("background, labels", [(0, None), (255, np.array(["", "wolf", "bee"])[np.arange(30) % 3])])
def test_figures_show_images_with_their_stored_brightness(tmp_path, background, labels):
    images = np.full((30, 12, 12), background, np.uint8)
    images[:, 3:8, 4:7] = 120 + np.arange(30)[:, None, None]
    source = array_source("x", images, row_ids("i", 30), labels=labels)
    dataset = assemble_dataset(base.get_config().data, source)
    save_contact_sheet(tmp_path / "sheet.png", dataset)
    with Image.open(tmp_path / "sheet.png") as figure:
        pixels = np.asarray(figure.convert("L"))
    # Pixels are enlarged to squares, so stored values are found again up to rounding.
    assert {120, 149} <= set(np.unique(pixels[pixels > 100]))
    assert min(pixels.shape) > 100 and (pixels == background).sum() > 30 * 100


def test_histograms_count_every_pixel_and_every_image(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("irl_inr_jax.report.figures.canvas.save_png", lambda figure, path: figures.append(figure))
    images = np.arange(30 * 64, dtype=np.uint8).reshape(30, 8, 8)
    dataset = assemble_dataset(base.get_config().data, array_source("x", images, row_ids("i", 30)))
    orientation = Orientation(np.full(30, 0.1), np.linspace(0, 180, 30))
    save_histograms(tmp_path / "histograms.png", dataset, images[..., None], orientation)
    values, errors = figures[0].axes
    assert sum(bar.get_height() for bar in values.patches) == images.size
    assert sum(bar.get_height() for bar in errors.patches) == 30
