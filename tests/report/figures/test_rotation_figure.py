import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.report.figures.rotation_figure import save_rotation_scatter

TRUE = np.linspace(0.05, 6.2, 600)


def read(path):
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def ink(pixels):
    """Where dots or bars are: the blue of the data, which no letter or line has."""
    return pixels[..., 2] - pixels[..., 0] > 20


def test_a_perfect_prediction_lies_on_the_diagonal_and_has_one_bar(tmp_path):
    save_rotation_scatter(tmp_path / "a.png", TRUE, TRUE)
    rows, columns = np.nonzero(ink(read(tmp_path / "a.png"))[:, :480])
    assert np.corrcoef(rows, columns)[0, 1] < -0.99
    assert np.ptp(rows) > 300
    bars = np.nonzero(ink(read(tmp_path / "a.png"))[:, 480:].any(axis=0))[0]
    assert len(bars) < 10


def test_windings_do_not_matter_and_errors_do(tmp_path):
    save_rotation_scatter(tmp_path / "a.png", TRUE, TRUE + 0.3)
    save_rotation_scatter(tmp_path / "b.png", TRUE + 2 * np.pi, TRUE + 0.3 - 4 * np.pi)
    save_rotation_scatter(tmp_path / "c.png", TRUE, TRUE - 0.3)
    a, b, c = (ink(read(tmp_path / f"{name}.png")) for name in "abc")
    assert np.mean(a != b) < 1e-3 < np.mean(a != c)
    columns_of = [np.nonzero(picture[:, 480:].any(axis=0))[0].mean() for picture in (a, c)]
    assert columns_of[0] > columns_of[1]


@pytest.mark.parametrize("n", [1, 2, 20_000])
def test_any_number_of_images(tmp_path, n):
    true = np.random.default_rng(0).uniform(0, 6, n).astype(np.float32)
    save_rotation_scatter(tmp_path / "a.png", true, np.zeros(n, np.float32))
    assert ink(read(tmp_path / "a.png")).any()
