import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.datasets.own_images import STACKS, TABLES, read_own_images
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 6, 6), dtype=np.uint8)


@pytest.fixture
def layouts(tmp_path):
    """Write four images as a folder, a pattern, a table and a stack: path by layout."""
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
    source = read_own_images(data)
    assert {image.tobytes() for image in source.read(np.arange(4))} == {image.tobytes() for image in IMAGES}
    dataset = make_dataset(data)
    assert len(dataset.train.ids) == 4 and layouts[layout] in dataset.description
    np.testing.assert_array_equal(dataset.train.images, source.read(np.arange(4)))


def test_a_tilde_is_the_home_folder(data, layouts, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/lots", "~/lots.npy", "~/Lots.CSV", "~/lots/*/*.png"):
        data.path = path
        assert len(read_own_images(data).ids) == 4


@pytest.mark.parametrize("suffix", [*STACKS, *TABLES])
def test_an_empty_file_of_any_kind_is_an_error_with_its_path(data, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    data.path = str(path)
    with pytest.raises(InputError) as caught:
        read_own_images(data)
    assert str(caught.value).startswith(f"config.data.path ({path}): expected")


def test_missing_and_unknown_files_are_errors(data, layouts, tmp_path):
    (tmp_path / "notes.docx").touch()
    (tmp_path / "bare").touch()
    (tmp_path / "empty").mkdir()
    for path, message in [
        ("", r"^config\.data\.path: expected a folder of images, .*, found ''; set it to the location of your images"),
        (tmp_path / "lost", rf"found no such file or folder; did you mean {tmp_path}/lots\?"),
        (tmp_path / "lot.npy", rf"found no such file or folder; did you mean {tmp_path}/lots\.npy\?"),
        (tmp_path / "losts" / "a" / "0.png", rf"did you mean {tmp_path}/lots\?"),
        (tmp_path / "empty" / "x.npy", rf"found no such file or folder; {tmp_path}/empty/x\.npy does not exist$"),
        (
            tmp_path / "lots.npy" / "x.npy",
            rf"found no such file or folder; {tmp_path}/lots\.npy/x\.npy does not exist$",
        ),
        (tmp_path / "notes.docx", r"a table \(\.csv, .*\.npy, \.npz, .*found a file ending in '\.docx'"),
        (tmp_path / "bare", "found a file ending in ''"),
        (tmp_path / "lots" / "a" / "0.png", "found a single image; set it to its folder"),
    ]:
        data.path = str(path)
        with pytest.raises(InputError, match=message):
            read_own_images(data)


def test_labels_path_is_for_files_of_many_images(data, layouts, tmp_path):
    (tmp_path / "labels.txt").write_text("b\na\na\nb\n")
    data.update(name="images", path=layouts["stack"], labels_path=str(tmp_path / "labels.txt"))
    dataset = make_dataset(data)
    assert dataset.class_names == ("a", "b") and dataset.train.labels.tolist() == [1, 0, 0, 1]
    for layout in ("folder", "pattern", "table"):
        data.path = layouts[layout]
        with pytest.raises(InputError, match=r"labels_path: expected its default '' for .*, found .*labels\.txt"):
            read_own_images(data)


def test_keys_of_other_layouts_are_refused(data, layouts, tmp_path):
    (tmp_path / "labels.csv").write_text("kind\nb\na\na\nb\n")
    data.name = "images"
    for layout, key, value in [
        ("folder", "path_column", "file"),
        ("folder", "label_column", "kind"),
        ("table", "images_key", "pixels"),
        ("table", "labels_key", "kinds"),
        ("stack", "images_key", "pixels"),
        ("stack", "label_column", "kind"),
        ("stack", "same_scale", False),
        ("stack", "max_unreadable", 0.5),
        ("stack", "translation_px", 1.0),
    ]:
        data.path = layouts[layout]
        default = data[key]
        data[key] = value
        message = rf"^config\.data\.{key}: expected its default {default!r} for .*leave it out"
        with pytest.raises(InputError, match=message):
            make_dataset(data)
        data[key] = default
    data.update(path=layouts["stack"], labels_path=str(tmp_path / "labels.csv"), label_column="kind")
    assert make_dataset(data).train.labels.tolist() == [1, 0, 0, 1]
    np.savez(tmp_path / "labels.npz", kinds=[1, 0, 0, 1], x=0)
    data.update(labels_path=str(tmp_path / "labels.npz"), label_column="label", labels_key="kinds")
    assert make_dataset(data).train.labels.tolist() == [1, 0, 0, 1]
