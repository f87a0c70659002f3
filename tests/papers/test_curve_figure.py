"""The figure of a curve: its axes, and the published values beside the points."""

import pytest
from matplotlib.axes import Axes

from irl_inr_jax.report.figures import canvas
from papers.curve_figure import STEP_MARGIN, format_steps, list_ticks, published_values, save_curve, widen_limits
from papers.curves import CURVES
from tests.papers.curve_records import SHIFTS, record_of


@pytest.fixture
def drawn(monkeypatch):
    """The figures that `save_png` would have saved, and their subtitles."""
    found = []
    make = canvas.make_figure
    monkeypatch.setattr(canvas, "save_png", lambda figure, path: found.append(figure))
    monkeypatch.setattr(canvas, "make_figure", lambda *words: found.append(words[-1]) or make(*words))
    return found


def test_published_values_are_those_of_the_same_measure():
    curve = CURVES["target_vae"]
    both = ("rotation", "rotation_fisher_lee")
    assert published_values(curve, "kmeans", both) == [pytest.approx(0.6463)]
    assert published_values(curve, "translation", both) == [0.972, 0.971]
    assert published_values(curve, "rotation", both) == [0.859]
    assert published_values(curve, "rotation_fisher_lee", both) == []
    assert published_values(CURVES["irl_inr_rotated"], "rotation_fisher_lee", both[1:]) == [0.9891]


def test_all_values_are_within_the_axes(drawn, tmp_path):
    record = record_of(
        "target_vae",
        kmeans=[0.1, 0.2, 0.3],
        rotation=[-0.163, 0.5, 0.6],
        translation=SHIFTS,
        rotation_error_deg=[120.0, 80.0, 8.0],
    )
    save_curve(tmp_path / "figure.png", record)
    panels = drawn[-1].axes
    assert len(panels) == 3
    for axes in panels:
        values = [value for line in axes.lines for value in line.get_ydata()]
        low, high = axes.get_ylim()
        assert low <= min(values) and max(values) <= high
        assert axes.get_xlim()[0] < 100 and axes.get_xlim()[1] > 12_000
    assert panels[0].get_ylim() == (0, 100)


def labels_of(axes: Axes) -> list[str]:
    return [axes.xaxis.get_major_formatter()(tick) for tick in axes.xaxis.get_ticklocs()]


def test_steps_can_be_read_from_the_axis_and_settings_from_the_subtitle(drawn, tmp_path):
    record = record_of("simclr", kmeans=[0.1, 0.2, 0.3])
    save_curve(tmp_path / "figure.png", record | {"seed": 4, "set": [["loss.symmetry", 1.0]]})
    assert labels_of(drawn[-1].axes[0]) == ["100", "200", "500", "1k", "2k", "5k", "10k"]
    assert drawn[0] == "scale long, 12,000 steps · seed 4 · loss.symmetry=1.0 · dashed: published"


def test_a_single_point_has_a_tick_in_its_axis():
    assert all(list_ticks(step / STEP_MARGIN, step * STEP_MARGIN) for step in range(1, 1000, 7))


def test_ticks_are_few_over_many_decades_and_labels_short():
    assert list_ticks(1, 1e6) == [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
    assert [format_steps(step) for step in (500, 20_000, 2_000_000)] == ["500", "20k", "2M"]


def test_limits_grow_only_for_values_outside():
    assert widen_limits((0, 100), [0, 100]) == (0, 100)
    assert widen_limits((0, 100), [-5, 120]) == (-8, 123)
