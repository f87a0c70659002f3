"""Fixtures of the tests of figures."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from irl_inr_jax.report.figures import canvas


@pytest.fixture
def figures(monkeypatch):
    """The figures that would have been saved, in order, neither rendered nor encoded, which takes 0.3 s each."""
    saved = []
    monkeypatch.setattr(canvas, "save_png", lambda figure, path: saved.append(figure))
    return saved


@pytest.fixture
def render(monkeypatch):
    """render(save, *arguments): the pixels (h, w, 3) of the figure that `save(path, *arguments)` makes, as integers.

    The file is not encoded; a figure must be of a size that a page can show.
    """

    def render_figure(save, *arguments, **options):
        saved = []
        with monkeypatch.context() as patch:
            patch.setattr(canvas, "save_png", lambda figure, path: saved.append(figure))
            save("unused", *arguments, **options)
        renderer = FigureCanvasAgg(saved[0])
        renderer.draw()
        pixels = np.asarray(renderer.buffer_rgba())[..., :3].astype(int)
        assert 100 < pixels.shape[0] < 2500 and 200 < pixels.shape[1] < 2000
        return pixels

    return render_figure
