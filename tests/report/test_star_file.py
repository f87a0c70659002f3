"""STAR files: read back, and the sign of angles and shifts against RELION's definition in float64."""

import numpy as np
import pytest
from scipy import ndimage

from irl_inr_jax.report.star_file import image_names, relion_poses, write_star
from tests.evaluated_run import make_blob_images


def read_star(path):
    """The loops of a file: block -> column -> values."""
    blocks, loop = {}, None
    for line in path.read_text().splitlines():
        if line.startswith("data_"):
            loop = blocks.setdefault(line[5:], {})
        elif line.startswith("_"):
            name, number = line[1:].split(" #")
            assert int(number) == len(loop) + 1
            loop[name] = []
        elif line and line != "loop_":
            for name, value in zip(loop, line.split(), strict=True):
                loop[name].append(value)
    return blocks


def align_as_relion(image, psi, origin):
    """Move the image by `origin` (x, y) and rotate it by psi degrees about pixel N // 2, as the module says."""
    angle, centre = np.radians(psi), len(image) // 2
    # SciPy maps (row, column) of the result to those of the image: the inverse, R(-psi) p - origin.
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])  # acts on (row, column)
    offset = np.array([centre, centre]) - matrix @ np.array([centre, centre]) - origin[::-1]
    return ndimage.affine_transform(image, matrix, offset, order=3)


@pytest.mark.parametrize("side", [41, 40])
def test_relions_transformation_makes_an_image_upright(side):
    theta, tau = np.array([0.7, -2.5]), np.array([[0.15, -0.1], [-0.05, 0.2]])
    images = make_blob_images(theta, tau, side)
    psi, origins = relion_poses(theta, tau * side / 2, np.full((2, 2), side))
    np.testing.assert_allclose(psi, np.degrees(theta))
    # RELION's centre of an even number of pixels is half a pixel right of and below the middle.
    half = (1 / side if side % 2 == 0 else 0.0) * np.array([1.0, -1.0])
    canonical = make_blob_images(0.0, half, side)[0]
    for image, angle, origin in zip(images, psi, origins, strict=True):
        aligned = align_as_relion(image, angle, origin)
        assert np.abs(aligned - canonical).max() < 0.03 < 0.3 < np.abs(image - canonical).max()


def test_angles_are_in_one_revolution():
    theta = np.array([np.pi, -np.pi, 3 * np.pi, 0.0, 2 * np.pi + 0.1])
    psi, _ = relion_poses(theta, np.zeros((5, 2)), np.full((5, 2), 41))
    np.testing.assert_allclose(psi, [180, 180, 180, 0, np.degrees(0.1)], atol=1e-9)


def test_names_of_stacks_count_from_one():
    files = np.array(["a.mrcs", "a.mrcs", "b.mrcs"])
    assert image_names(files, np.array([0, 11, 2])) == ["000001@a.mrcs", "000012@a.mrcs", "000003@b.mrcs"]
    assert image_names(files, None) == ["a.mrcs", "a.mrcs", "b.mrcs"]


@pytest.mark.parametrize("pixel_size", [0.0, 2.5])
def test_a_written_file_is_read_back(tmp_path, pixel_size):
    psi, origins = np.array([10.0, -20.0]), np.array([[1.0, -2.0], [0.5, 4.0]])
    options = {"confidence": np.array([1.0, 0.5]), "side": 40, "pixel_size": pixel_size}
    write_star(tmp_path / "a.star", ["1@a", "2@a"], np.array([0, -1]), pose=(psi, origins), **options)
    blocks = read_star(tmp_path / "a.star")
    particles = blocks["particles" if pixel_size else ""]
    assert particles["rlnImageName"] == ["1@a", "2@a"] and particles["rlnClassNumber"] == ["1", "0"]
    assert [float(value) for value in particles["rlnAnglePsi"]] == [10.0, -20.0]
    unit, factor = ("Angst", pixel_size) if pixel_size else ("", 1)
    assert [float(value) for value in particles[f"rlnOriginX{unit}"]] == [factor * 1.0, factor * 0.5]
    assert [float(value) for value in particles[f"rlnOriginY{unit}"]] == [factor * -2.0, factor * 4.0]
    assert ("optics" in blocks) == bool(pixel_size)
    if pixel_size:
        assert float(blocks["optics"]["rlnImagePixelSize"][0]) == 2.5
        assert blocks["optics"]["rlnOpticsGroup"] == ["1"] and set(particles["rlnOpticsGroup"]) == {"1"}


def test_names_with_spaces_are_quoted(tmp_path):
    options = {"confidence": np.ones(1), "pose": None, "side": 8, "pixel_size": 0.0}
    write_star(tmp_path / "a.star", ["000001@my stack.mrcs"], np.array([0]), **options)
    assert '"000001@my stack.mrcs" 1' in (tmp_path / "a.star").read_text()
