"""The curves by which the number of clusters is chosen."""

import numpy as np

from irl_inr_jax.clustering.choose_k import KCurves, Recommendation
from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.choose_k_figure import save_k_curves


def curves_to(max_k):
    ks = np.arange(2, max_k + 1)
    return KCurves(
        ks=ks,
        num_images=1234,
        silhouette=0.2 + 0.01 * np.sin(ks),
        gap=np.log(np.arange(1, max_k + 1)),
        gap_std=np.full(max_k, 0.01),
        stability=np.where(ks == 3, 0.9, 0.6),
        stability_std=np.full(len(ks), 0.1),
        stability_null=np.full(len(ks), 0.3),
    )


def marks(axes):
    """Positions of the vertical lines across the whole panel."""
    return [line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]]


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_each_panel_has_its_curve_and_marks_the_recommended_number(figures):
    curves = curves_to(8)
    save_k_curves("unused", curves, Recommendation(3, "3 clusters stand out"))
    stability, gap, silhouette = figures[-1].axes
    for axes, values in ((stability, curves.stability), (gap, curves.gap), (silhouette, curves.silhouette)):
        assert marks(axes) == [3]
        assert any(np.array_equal(line.get_ydata(), values) for line in axes.lines)
    assert [len(axes.collections) for axes in (stability, gap, silhouette)] == [1, 1, 0]  # the error bars
    assert any(np.array_equal(line.get_ydata(), curves.stability_null) for line in stability.lines)


def test_the_title_is_the_reason_and_nothing_is_marked_without_a_recommendation(figures):
    save_k_curves("unused", curves_to(8), Recommendation(None, "no k stands out: the halves disagree"))
    assert texts(figures[-1])[0] == "No k stands out: the halves disagree"
    assert "images: 1,234" in texts(figures[-1])[1] and "dashed" not in texts(figures[-1])[1]
    assert all(marks(axes) == [] for axes in figures[-1].axes)


def test_any_number_of_clusters_fits_one_page(figures):
    for max_k in (2, 3, 20, 100):
        save_k_curves("unused", curves_to(max_k), Recommendation(2, "2 clusters"))
        width, height = figures[-1].get_size_inches() * canvas.DPI
        assert width < 1300 and height < 500
        assert all(tick == round(tick) for axes in figures[-1].axes for tick in axes.get_xticks())


def test_a_curve_below_zero_is_not_cut_off(figures):
    curves = curves_to(4)
    curves.stability[:] = -0.3
    save_k_curves("unused", curves, Recommendation(None, "none"))
    assert figures[-1].axes[0].get_ylim()[0] <= -0.4
