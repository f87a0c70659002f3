import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.datasets.whoi_plankton import read_whoi_plankton
from irl_inr_jax.data.readers import files_source
from irl_inr_jax.types import InputError

COUNTS = {"Ceratium": 9, "Chaetoceros": 12, "Dinobryon": 7, "Corethron": 2, "mix": 20, "other_interaction": 15}


def write_image(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(100, 200, rng.integers(6, 14, 2), dtype=np.uint8)).save(path)


@pytest.fixture
def published(tmp_path, data):
    """published(counts, years): write a folder tree with `counts` images per class, over `years`; return its root."""
    data.update(root=str(tmp_path), name="whoi_plankton")

    def write(counts=COUNTS, years=("2006", "2014"), root=tmp_path / "whoi_plankton"):
        for seed, label in enumerate(counts):
            for number in range(counts[label]):
                year = years[number % len(years)] if years else ""
                write_image(root / year / label / f"IFCB_{number:03d}.png", 100 * seed + number)
        return root

    return write


def test_the_largest_taxa_balanced_and_split(published, data):
    root = published()
    data.update(num_classes=3, class_images=(5, 2))
    source = read_whoi_plankton(data)
    assert sorted(set(source.labels)) == ["Ceratium", "Chaetoceros", "Dinobryon"]
    for label in set(source.labels):
        of_class = source.labels == label
        assert (of_class & ~source.test).sum() == 5 and (of_class & source.test).sum() == 2
    for name, label, year in zip(source.ids, source.labels, source.columns["year"], strict=True):
        assert (root / name).is_file() and name.split("/")[:2] == [str(year), label]
    assert set(source.columns["year"]) == {2006, 2014}
    for image, size, name in zip(source.read(np.arange(21)), source.sizes, source.ids, strict=True):
        np.testing.assert_array_equal(image[..., 0], np.asarray(Image.open(root / name)))
        assert image.shape[:2] == tuple(size)


def test_other_images_are_never_opened(published, data, monkeypatch):
    root = published()
    for path in root.rglob("*.png"):
        if path.parent.name in ("mix", "other_interaction", "Corethron"):
            path.write_bytes(b"damaged")
    opened = []
    read = files_source.read_image
    monkeypatch.setattr(files_source, "read_image", lambda path: opened.append(path) or read(path))
    data.update(num_classes=2, class_images=(4, 1))
    source = read_whoi_plankton(data)
    assert {path.relative_to(root).as_posix() for path in opened} == set(source.ids) and len(source.ids) == 10


def test_the_selection_depends_on_the_seed_and_on_no_other_class(published, data):
    published()
    data.update(num_classes=3, class_images=(3, 1))

    def chosen(label="Chaetoceros", **keys):
        data.update(**keys)
        source = read_whoi_plankton(data)
        return [
            (name, test) for name, of, test in zip(source.ids, source.labels, source.test, strict=True) if of == label
        ]

    first = chosen()
    assert chosen() == first == chosen(num_classes=1)
    assert any(chosen(seed=seed) != first for seed in (1, 2, 3))


def test_trees_without_years_and_all_images(published, data, tmp_path):
    data.path = str(published(years=(), root=tmp_path / "mine"))
    source = read_whoi_plankton(data)
    assert "year" not in source.columns and source.test is None and len(source.ids) == 9 + 12 + 7 + 2
    assert source.name.startswith("config.data.path (") and source.ids[0] == "Ceratium/IFCB_000.png"


def test_errors_for_too_few_images_or_classes_name_possible_values(published, data):
    published()
    data.update(num_classes=3, class_images=(10, 2))
    with pytest.raises(
        InputError,
        match=r"class_images: expected 3 classes with at least 12 images .*, found 1 \(Chaetoceros 12, Ceratium 9, "
        r"Dinobryon 7, Corethron 2\); set it to \(6, 1\) or less, or config\.data\.num_classes to 1",
    ):
        read_whoi_plankton(data)
    data.class_images = (6, 1)
    assert len(read_whoi_plankton(data).ids) == 21
    data.num_classes = 5
    with pytest.raises(InputError, match=r"num_classes: expected 0 or at most the 4 classes .*, found 5"):
        read_whoi_plankton(data)
    data.update(num_classes=0, class_images=(50, 1))
    with pytest.raises(InputError, match=r"expected 1 classes with at least 51"):
        read_whoi_plankton(data)
    for wrong in ((5,), (0, 5), (5, -1), (1, 2, 3)):
        data.class_images = wrong
        with pytest.raises(InputError, match=r"class_images: expected \(training images, test images\) .*found \("):
            read_whoi_plankton(data)


def test_folders_without_plankton_are_errors(published, data, tmp_path):
    data.update(root=str(tmp_path))
    with pytest.raises(InputError, match=r"config\.data\.root .*folders YEAR/CLASS/ or CLASS/, found no such folder"):
        read_whoi_plankton(data)
    write_image(tmp_path / "whoi_plankton/stray.png", 0)
    published({"detritus": 2})
    with pytest.raises(InputError, match="found none except detritus; unpack"):
        read_whoi_plankton(data)


def test_the_data_set_is_balanced_and_resized(published, data):
    published()
    data.update(num_classes=3, class_images=(5, 2), crop="circle", background="image", resize=8, same_scale=False)
    dataset = make_dataset(data)
    assert dataset.train.images.shape == (15, 8, 8, 1) and dataset.test.images.shape == (6, 8, 8, 1)
    assert dataset.class_names == ("Ceratium", "Chaetoceros", "Dinobryon")
