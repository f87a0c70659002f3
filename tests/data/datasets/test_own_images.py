import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.datasets.own_images import STACKS, TABLES, open_images
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 6, 6), dtype=np.uint8)


@pytest.fixture
def layouts(tmp_path):
    """The same four images as a folder, a pattern, a table and a stack: path by layout."""
    for row, image in enumerate(IMAGES):
        path = tmp_path / "lots" / "ab"[row % 2] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    (tmp_path / "Lots.CSV").write_text("path,label\n" + "".join(f"lots/{'ab'[r % 2]}/{r}.png,{r}\n" for r in range(4)))
    np.save(tmp_path / "lots.npy", IMAGES)
    paths = {"folder": "lots", "pattern": "lots/**/*.png", "table": "Lots.CSV", "stack": "lots.npy"}
    return {layout: str(tmp_path / path) for layout, path in paths.items()}


@pytest.mark.parametrize("layout", ["folder", "pattern", "table", "stack"])
def test_the_same_images_in_every_layout(data, layouts, layout):
    data.update(name="images", path=layouts[layout])
    source = open_images(data)
    assert {image.tobytes() for image in source.read(np.arange(4))} == {image.tobytes() for image in IMAGES}
    dataset = make_dataset(data)
    assert len(dataset.train.ids) == 4 and layouts[layout] in dataset.description
    np.testing.assert_array_equal(dataset.train.images, source.read(np.arange(4)))


def test_a_home_folder_may_be_written_as_a_tilde(data, layouts, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/lots", "~/lots.npy", "~/Lots.CSV", "~/lots/*/*.png"):
        data.path = path
        assert len(open_images(data).ids) == 4


@pytest.mark.parametrize("suffix", [*STACKS, *TABLES])
def test_an_empty_file_of_any_kind_is_named(data, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    data.path = str(path)
    with pytest.raises(InputError) as caught:
        open_images(data)
    assert str(caught.value).startswith(f"config.data.path ({path}): expected")


def test_paths_that_no_reader_knows_are_errors(data, layouts, tmp_path):
    (tmp_path / "notes.docx").touch()
    (tmp_path / "bare").touch()
    (tmp_path / "empty").mkdir()
    for path, message in [
        ("", r"^config\.data\.path: expected a folder of images, .*, found ''; set it to where your images are"),
        (tmp_path / "lost", rf"found nothing there; did you mean {tmp_path}/lots\?"),
        (tmp_path / "lot.npy", rf"found nothing there; did you mean {tmp_path}/lots\.npy\?"),
        (tmp_path / "losts" / "a" / "0.png", rf"did you mean {tmp_path}/lots\?"),
        (tmp_path / "empty" / "x.npy", rf"found nothing there; there is no {tmp_path}/empty/x\.npy$"),
        (tmp_path / "lots.npy" / "x.npy", rf"found nothing there; there is no {tmp_path}/lots\.npy/x\.npy$"),
        (tmp_path / "notes.docx", r"a table \(\.csv, .*\.npy, \.npz, .*found a file ending in '\.docx'"),
        (tmp_path / "bare", "found a file ending in ''"),
        (tmp_path / "lots" / "a" / "0.png", "found a single image; set it to its folder"),
    ]:
        data.path = str(path)
        with pytest.raises(InputError, match=message):
            open_images(data)


def test_labels_beside_the_file_are_those_of_a_stack_alone(data, layouts, tmp_path):
    (tmp_path / "labels.txt").write_text("b\na\na\nb\n")
    data.update(name="images", path=layouts["stack"], labels_path=str(tmp_path / "labels.txt"))
    dataset = make_dataset(data)
    assert dataset.class_names == ("a", "b") and dataset.train.labels.tolist() == [1, 0, 0, 1]
    for layout in ("folder", "pattern", "table"):
        data.path = layouts[layout]
        with pytest.raises(
            InputError, match=r"labels_path: expected '' for files of one image each, found .*labels\.txt"
        ):
            open_images(data)


def test_shifts_are_not_ours_to_make(data, layouts):
    data.update(name="images", path=layouts["stack"], translation_px=1.0)
    with pytest.raises(InputError, match="translation_px: expected 0, as images is not shifted"):
        make_dataset(data)
