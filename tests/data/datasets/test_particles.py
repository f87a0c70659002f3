import mrcfile
import numpy as np
import pytest
from scipy import ndimage

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.datasets.particles import outside_circle, read_particles
from irl_inr_jax.types import InputError

SIDE = 16


def write_mrc(path, images):
    with mrcfile.new(path, data=images) as file:
        file.set_image_stack()


def write_npy(path, images):
    np.save(path, images)


def simulate(num_images, seed=0):
    """Noisy images (N, 16, 16), each with its own background."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num_images, SIDE, SIDE))
    images[:, 5:11, 6:10] += 3.0
    return (images * rng.uniform(1, 5, (num_images, 1, 1)) + rng.normal(0, 9, (num_images, 1, 1))).astype(np.float32)


@pytest.fixture
def stacks(tmp_path, data):
    """stacks(suffix, folder): write 12 training and 5 test images below config.data.root; return both arrays."""
    data.name = "particles"

    def write(suffix=".mrcs", folder="5hdb"):
        (tmp_path / folder).mkdir(exist_ok=True)
        parts = simulate(12), simulate(5, seed=1)
        for split, images in zip(("train", "test"), parts, strict=True):
            path = tmp_path / folder / f"sim_{split}{suffix}"
            (write_npy if suffix == ".npy" else write_mrc)(path, images)
        data.root = str(tmp_path)
        return parts

    return write


@pytest.mark.parametrize("suffix", [".mrcs", ".mrc", ".npy"])
def test_images_are_normalized_by_their_background(stacks, data, suffix):
    train, test = stacks(suffix)
    source = read_particles(data)
    assert source.ids[11] == "sim_train/000011" and source.ids[12] == "sim_test/000000"
    np.testing.assert_array_equal(source.test, [False] * 12 + [True] * 5)
    stored = np.concatenate([train, test])
    ring = outside_circle(SIDE, SIDE)
    np.testing.assert_allclose(source.columns["background_mean"], stored[:, ring].mean(1), rtol=1e-5)
    np.testing.assert_allclose(source.columns["background_std"], stored[:, ring].std(1), rtol=1e-5)
    rows = np.array([14, 3, 0, 16])
    images = source.read(rows)
    assert images.shape == (4, SIDE, SIDE, 1) and images.dtype == np.float32 == source.dtype
    np.testing.assert_allclose(images[:, ring].mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(images[:, ring].std((1, 2)), 1, rtol=1e-5)
    spread, mean = source.columns["background_std"][rows], source.columns["background_mean"][rows]
    np.testing.assert_allclose(images[..., 0] * spread[:, None, None] + mean[:, None, None], stored[rows], atol=1e-4)
    assert source.labels is None and source.pose is None


def test_a_stack_by_its_path_and_without_a_test_stack(stacks, data, tmp_path):
    train, _ = stacks(".npy", folder="mine")
    data.path = str(tmp_path / "mine/sim_train.npy")
    assert len(read_particles(data).ids) == 17
    (tmp_path / "mine/sim_test.npy").unlink()
    source = read_particles(data)
    assert len(source.ids) == 12 and source.test is None
    data.path = str(tmp_path / "mine/other.npy")
    np.save(data.path, train * 0 + 7)
    flat = read_particles(data)
    assert not flat.read(np.arange(12)).any() and not flat.columns["background_std"].any()


def test_the_truth_gives_views_and_poses(stacks, data, tmp_path):
    stacks(".npy")
    rng = np.random.default_rng(0)
    rotation, shift = rng.uniform(0, 2 * np.pi, 12), rng.normal(0, 1, (12, 2))
    upright = np.zeros((SIDE, SIDE))
    upright[4:9, 7:9] = upright[7:9, 4:12] = 5.0
    rotated = [
        ndimage.shift(ndimage.rotate(upright, -np.degrees(angle), reshape=False, order=1), offset, order=1)
        for angle, offset in zip(rotation, shift, strict=True)
    ]
    np.save(tmp_path / "5hdb/sim_train.npy", np.stack(rotated).astype(np.float32))
    truth = tmp_path / "5hdb/sim_train_truth.npz"
    np.savez(truth, view=np.arange(12) % 3, rotation=rotation, shift_px=shift)
    source = read_particles(data)
    np.testing.assert_array_equal(source.labels, [*(np.arange(12) % 3), *[-1] * 5])
    assert source.pose is None
    (tmp_path / "5hdb/sim_test.npy").unlink()
    pose = read_particles(data).pose
    np.testing.assert_allclose(pose.theta, -rotation, rtol=1e-6)
    # In canonical orientation the images agree.
    y, x = 1 - (2 * np.mgrid[:SIDE, :SIDE] + 1) / SIDE
    x = -x.T.swapaxes(0, 1)
    for image, theta, tau in zip(rotated, pose.theta, pose.tau, strict=True):
        source_x = np.cos(theta) * x - np.sin(theta) * y + tau[0]
        source_y = np.sin(theta) * x + np.cos(theta) * y + tau[1]
        sampled = ndimage.map_coordinates(
            image, [((1 - source_y) * SIDE - 1) / 2, ((source_x + 1) * SIDE - 1) / 2], order=1
        )
        assert np.corrcoef(sampled.ravel(), upright.ravel())[0, 1] > 0.85


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"view": np.zeros(11, int)}, r"expected view of shape \(12,\) for 12 images, found \(11,\) of type int64"),
        ({"view": np.zeros(12)}, "expected view .* of type float64"),
        ({"rotation": np.zeros((12, 2))}, r"expected rotation of shape \(12,\)"),
        ({"shift_px": np.zeros(12)}, r"expected shift_px of shape \(12, 2\)"),
        ({"view": np.array([None] * 12, object)}, "found another kind of file"),
    ],
)
def test_a_truth_file_that_does_not_match_is_an_error(stacks, data, tmp_path, arrays, message):
    stacks(".npy")
    np.savez(tmp_path / "5hdb/sim_train_truth.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        read_particles(data)
    assert str(caught.value).startswith("config.data.path (") and "\n" not in str(caught.value)


def test_other_and_damaged_files_are_errors(stacks, data, tmp_path):
    data.root = str(tmp_path)
    with pytest.raises(InputError, match=r"config\.data\.root .*with 'train' in its name, found none; set"):
        read_particles(data)
    train, _ = stacks()
    whole = (tmp_path / "5hdb/sim_train.mrcs").read_bytes()
    for content in (b"", whole[:500], whole[:-100], whole[::-1]):
        (tmp_path / "5hdb/sim_train.mrcs").write_bytes(content)
        with pytest.raises(InputError, match=r"config\.data\.path \(.*sim_train\.mrcs\): expected an MRC file"):
            read_particles(data)
    data.path = str(tmp_path / "one.npy")
    for array, message in [
        (train[0], "found an array of shape|found shape"),
        (np.stack([train, train], axis=-1), "expected grey images .* with 2 channels"),
        (train[:, :3, :3], "at least 4x4 pixels, found 12 of 3x3"),
        (np.where(train > train.mean(), np.nan, train), "found NaN or infinity in image 0"),
    ]:
        np.save(data.path, array)
        with pytest.raises(InputError, match=message):
            read_particles(data)
    (tmp_path / "one.npy").write_bytes((tmp_path / "one.npy").read_bytes()[:-50])
    with pytest.raises(InputError, match="damaged"):
        read_particles(data)
    data.path = str(tmp_path / "none.npy")
    with pytest.raises(InputError, match=r"config\.data\.path: expected a file of particle images .*found nothing at"):
        read_particles(data)


def test_splits_of_different_sizes_and_several_stacks_are_errors(stacks, data, tmp_path):
    stacks(".npy")
    np.save(tmp_path / "5hdb/sim_test.npy", np.zeros((5, 20, 20), np.float32))
    with pytest.raises(
        InputError, match=r"expected test images of the training images' size \(16, 16\), found \(20, 20\)"
    ):
        read_particles(data)
    np.save(tmp_path / "5hdb/more_train.npy", simulate(3))
    with pytest.raises(InputError, match=r"found more_train\.npy, sim_train\.npy; set config\.data\.path"):
        read_particles(data)


def test_the_data_set_has_both_splits_and_the_background_as_columns(stacks, data):
    stacks()
    dataset = make_dataset(data)
    assert dataset.train.images.shape == (12, SIDE, SIDE, 1) and len(dataset.test.ids) == 5
    assert "background_std" in dataset.train.columns


def test_each_particle_names_its_stack_and_its_number_there(stacks, data):
    stacks()
    source = read_particles(data)
    names = [file.rpartition("/")[2] for file in source.files]
    assert names == ["sim_train.mrcs"] * 12 + ["sim_test.mrcs"] * 5
    assert source.pages.tolist() == [*range(12), *range(5)]
