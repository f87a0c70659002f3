import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.datasets import galaxy_zoo, make_dataset
from irl_inr_jax.data.datasets.galaxy_zoo import clear_classes, read_galaxy_zoo, read_photograph
from irl_inr_jax.types import InputError

ANSWERS = [
    f"Class{question}.{answer}"
    for question, count in enumerate((3, 2, 2, 2, 4, 2, 3, 7, 3, 3, 6), start=1)
    for answer in range(1, count + 1)
]
IDS = [900001, 100023, 100008, 100053, 100078, 100090, 100122, 100123]


def photograph(number, side=424):
    """Return a bright disk on a red, green or blue background; position and colour identify crop and order."""
    row, column = np.mgrid[:side, :side]
    pixels = np.full((side, side, 3), 20, np.uint8)
    pixels[..., number % 3] = 90
    pixels[np.hypot(row - side / 2 + 0.5, column - side / 2 + 0.5) < side * 0.1] = 220
    return pixels


@pytest.fixture
def published(tmp_path, data):
    """published(shares, ids): write the photographs of IDS and a table of votes on galaxies `ids`."""
    data.update(root=str(tmp_path), name="galaxy_zoo")

    def write(shares=None, ids=IDS, header=("GalaxyID", *ANSWERS), votes=True, side=424):
        folder = tmp_path / "galaxy_zoo" / galaxy_zoo.IMAGES
        folder.mkdir(parents=True, exist_ok=True)
        for number, galaxy in enumerate(IDS):
            Image.fromarray(photograph(number, side)).save(folder / f"{galaxy}.jpg", quality=95)
        rows = [",".join(header)]
        for index, galaxy in enumerate(ids):
            given = (shares or {}).get(galaxy, {})
            rows.append(",".join([str(galaxy), *(str(given.get(answer, index / 1000)) for answer in header[1:])]))
        if votes:
            (folder.parent / galaxy_zoo.VOTES).write_text("\n".join(rows) + "\n")
        return folder

    return write


def test_photographs_votes_and_a_split(published, data):
    published({100008: {"Class1.1": 0.9, "Class7.2": 0.6}})
    source = read_galaxy_zoo(data)
    assert list(source.ids) == sorted(map(str, IDS)) and source.dtype == np.uint8
    images = source.read(np.arange(8))
    assert images.shape == (8, 64, 64, 3) and (source.sizes == 64).all() and source.channels == 3
    for image, galaxy in zip(images, source.ids, strict=True):
        assert image[0, 0].argmax() == IDS.index(int(galaxy)) % 3
    assert list(source.columns) == ANSWERS
    np.testing.assert_allclose(source.columns["Class11.6"], [IDS.index(int(g)) / 1000 for g in source.ids])
    assert list(source.labels) == ["in_between" if g == "100008" else "" for g in source.ids]
    assert source.test.sum() == 2  # round(8 * 11578 / 61578)
    np.testing.assert_array_equal(read_galaxy_zoo(data).test, source.test)
    others = [(setattr(data, "seed", seed), read_galaxy_zoo(data).test)[1] for seed in range(5)]
    assert any((other != source.test).any() for other in others)


@pytest.mark.parametrize(("stored", "side"), [(424, 64), (424, 128), (100, 32), (848, 64)])
def test_centre_is_cropped_and_averaged(tmp_path, stored, side):
    path = tmp_path / "1.jpg"
    Image.fromarray(photograph(0, stored)).save(path, quality=98)
    image = read_photograph(path, side).astype(int)
    assert image.shape == (side, side, 3)
    # The disk's radius is a tenth of the photograph's side, and 207 of 424 pixels are kept.
    bright = image[..., 1] > 120
    np.testing.assert_allclose(np.sqrt(bright.sum() / np.pi) / side, 0.1 * 424 / 207, rtol=0.05)
    np.testing.assert_allclose(np.argwhere(bright).mean(0), (side - 1) / 2, atol=0.6)


def test_array_is_written_once_per_side(published, data, log):
    folder = published()
    small = read_galaxy_zoo(data).read(np.arange(8))
    assert len(log.messages) == 1
    np.testing.assert_array_equal(read_galaxy_zoo(data).read(np.arange(8)), small)
    assert len(log.messages) == 1
    data.resize = 32
    assert read_galaxy_zoo(data).read(np.arange(8)).shape == (8, 32, 32, 3)
    (folder / "100008.jpg").unlink()
    assert len(read_galaxy_zoo(data).ids) == 7
    assert len(list(folder.parent.glob("*.npy"))) == 3 and not list(folder.parent.glob(".*"))


def test_only_clear_votes_give_a_class():
    votes = {answer: np.zeros(8) for answer in ANSWERS}
    for row, shares in enumerate(
        [
            {"Class1.1": 0.9, "Class7.1": 0.6},
            {"Class1.1": 0.8, "Class7.2": 0.7},
            {"Class1.1": 1.0, "Class7.3": 0.51},
            {"Class1.2": 0.9, "Class2.1": 0.8},
            {"Class1.2": 0.95, "Class2.2": 0.9, "Class4.1": 0.7},
            {"Class1.1": 0.7, "Class7.1": 0.7},
            {"Class1.1": 1.0, "Class7.1": 0.5, "Class7.2": 0.5},
            {answer: np.nan for answer in ANSWERS},
        ]
    ):
        for answer, share in shares.items():
            votes[answer][row] = share
    assert list(clear_classes(votes)) == ["round", "in_between", "cigar", "edge_on", "spiral", "", "", ""]


def test_photographs_without_votes_and_votes_without_photographs(published, data):
    published({100008: {"Class1.2": 0.9, "Class4.1": 0.6}}, ids=[555, 100008, 666])
    source = read_galaxy_zoo(data)
    assert list(source.labels) == ["spiral" if g == "100008" else "" for g in source.ids]
    np.testing.assert_array_equal(np.isnan(source.columns["Class3.1"]), source.ids != "100008")
    published(ids=[555, 666])
    with pytest.raises(InputError, match=r"csv.*such as 100008, found 2 others, such as 555; remove"):
        read_galaxy_zoo(data)


def test_no_labels_without_votes(published, data):
    published(votes=False)
    source = read_galaxy_zoo(data)
    assert source.labels is None and source.columns == {} and source.test.any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "none called Class1.1, Class1.2"),
        (b"GalaxyID,Class1.1\n100008,0.3\n", "found none called Class1.2, Class2.1"),
        (b"GalaxyID,Class1.1\n100008\n", "found none called Class1.2"),
        (",".join(["GalaxyID", *ANSWERS, "more"]).encode() + b"\n" + b"1," * 37 + b"1\n", "39 names for 38 columns"),
        (",".join(["GalaxyID", *ANSWERS]).encode() + b"\n100008,nothing\n", "expected a row of numbers"),
        (b"\xff\xfe\x00PK", "expected a row of numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_damaged_votes_are_errors(published, data, content, message):
    folder = published()
    (folder.parent / galaxy_zoo.VOTES).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_galaxy_zoo(data)
    assert str(caught.value).startswith("config.data.root (") and "\n" not in str(caught.value)


def test_missing_and_damaged_photographs_are_errors(published, data, tmp_path):
    data.update(root=str(tmp_path))
    with pytest.raises(InputError, match=r"images_training_rev1\): expected the \.jpg files.*found no such folder"):
        read_galaxy_zoo(data)
    folder = published()
    whole = (folder / "100008.jpg").read_bytes()
    (folder / "100008.jpg").write_bytes(whole[: len(whole) // 3])
    (folder / "100023.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"found 2 of 8 damaged \(100008\.jpg: .*; 100023\.jpg: .*\); replace"):
        read_galaxy_zoo(data)
    assert not [file for file in folder.parent.iterdir() if ".npy" in file.name]


def test_the_data_set_has_classes_by_votes_and_votes_as_columns(published, data):
    published({galaxy: {"Class1.1": 0.9, "Class7.1": 0.8} for galaxy in IDS})
    data.resize = 16
    dataset = make_dataset(data)
    assert dataset.train.images.shape == (6, 16, 16, 3) and len(dataset.test.ids) == 2
    assert dataset.class_names == ("round",) and "Class4.1" in dataset.train.columns
