"""The query and its neighbours."""

import numpy as np
import pytest

from irl_inr_jax.report.figures.similar_figure import save_similar


def test_the_query_is_framed_and_first_and_every_neighbour_has_its_caption(render, figures):
    query, neighbours = np.zeros((8, 8, 1)), np.full((10, 8, 8, 1), 0.5)
    captions = [("query", "cluster 1")] + [(f"{rank}: 5°", "noise") for rank in range(1, 11)]
    options = {"title": "Images like a.png", "subtitle": "kmeans"}
    pixels = render(save_similar, query, neighbours, captions, **options)
    black, grey = ((pixels == value).all(-1) for value in (0, 128))
    assert black.sum() == 96 * 96 and grey.sum() == pytest.approx(10 * 96 * 96, rel=0.01)
    rows, columns = np.nonzero(black)
    assert (pixels[rows.min() - 2, columns.min() - 2] == [31, 95, 158]).all()
    assert grey[rows.min(), columns.max() + 20] and not grey[:, columns.min()][: rows.max()].any()
    save_similar("unused", query, neighbours, captions, **options)
    texts = [text.get_text() for text in figures[-1].texts]
    assert texts[0] == "Images like a.png" and texts[2:] == [line for caption in captions for line in caption]
