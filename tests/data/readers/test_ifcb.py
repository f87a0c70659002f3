"""Samples of an Imaging FlowCytobot in their published layout."""

import numpy as np
import pytest

from irl_inr_jax.config import base
from irl_inr_jax.data.datasets import make_dataset, open_source
from irl_inr_jax.types import InputError

NAMES = {"D20130526T095207_IFCB013": (24, 13), "IFCB1_2009_216_075913": (15, 9)}  # columns, the one of x


def write_sample(folder, name, sizes=((3, 5), None, (4, 2), (6, 6)), seed=0):
    """Write a sample with one trigger for each size (height, width), None for one without image; return the images."""
    num_columns, first = NAMES[name]
    rng = np.random.default_rng(seed)
    images, lines, content = [], [], b"\x00"  # the first byte of the published files is not of an image
    for number, size in enumerate(sizes):
        height, width = size or (0, 0)
        cells = [f"{value:.5f}" for value in rng.random(num_columns)]
        cells[0] = str(number + 1)
        cells[first : first + 5] = [str(value) for value in (100 + number, 200 + number, width, height, len(content))]
        lines.append(",".join(cells))
        if size:
            images.append(rng.integers(0, 256, (height, width), np.uint8))
            content += images[-1].tobytes()
    (folder / f"{name}.adc").write_text("\n".join(lines) + "\n")
    (folder / f"{name}.roi").write_bytes(content)
    return images


@pytest.fixture
def data(tmp_path):
    data = base.get_config().data
    data.update(name="images")
    return data


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".roi", ".adc"])
def test_images_of_both_kinds_of_instrument(data, tmp_path, name, suffix):
    images = write_sample(tmp_path, name)
    data.path = str(tmp_path / (name + suffix))
    source = open_source(data)
    assert source.ids.tolist() == [f"{name}_00001", f"{name}_00003", f"{name}_00004"]
    assert source.sizes.tolist() == [[3, 5], [4, 2], [6, 6]]
    assert source.columns["roi_x"].tolist() == [100, 102, 103] and source.columns["roi_y"].tolist() == [200, 202, 203]
    for image, expected in zip(source.read(np.array([2, 0])), (images[2], images[0]), strict=True):
        np.testing.assert_array_equal(image[..., 0], expected)


def test_a_sample_becomes_a_data_set_with_labels_by_id(data, tmp_path):
    name = next(iter(NAMES))
    write_sample(tmp_path, name)
    (tmp_path / "labels.csv").write_text(f"id,label\n{name}_00003,diatom\n{name}_00001,ciliate\n{name}_00004,\n")
    data.update(path=str(tmp_path / f"{name}.roi"), labels_path=str(tmp_path / "labels.csv"))
    dataset = make_dataset(data)
    assert dataset.train.images.shape == (3, 6, 6, 1)
    assert [dataset.class_names[label] if label >= 0 else "" for label in dataset.train.labels] == [
        "ciliate",
        "diatom",
        "",
    ]


def test_files_that_do_not_belong_together_are_refused(data, tmp_path):
    name = next(iter(NAMES))
    write_sample(tmp_path, name)
    adc, roi = tmp_path / f"{name}.adc", tmp_path / f"{name}.roi"
    data.path = str(roi)
    lines, content = adc.read_text(), roi.read_bytes()

    roi.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"expected 60 bytes, as .*\.adc describes, found 59, so that 1 of 3 images"):
        open_source(data)
    roi.write_bytes(content)
    for text, message in (
        ("1,2,3\n", "at least 18 columns of numbers"),
        (lines.replace(",5,3,", ",5,x,"), "at least 18 columns of numbers"),
        (lines.replace(",5,3,", ",5.5,3,"), "sizes and offsets in whole numbers"),
        (lines.splitlines()[1], "expected images, found 1 triggers without one"),
    ):
        adc.write_text(text)
        with pytest.raises(InputError, match=message):
            open_source(data)
    adc.unlink()
    with pytest.raises(InputError, match=rf"expected {name}\.adc in the same folder, found none"):
        open_source(data)
    roi.rename(tmp_path / "sample.roi")
    (tmp_path / "sample.adc").write_text(lines)
    data.path = str(tmp_path / "sample.roi")
    with pytest.raises(InputError, match=r"name of a sample, I\.\.\. or D\.\.\., .* found 'sample'"):
        open_source(data)
