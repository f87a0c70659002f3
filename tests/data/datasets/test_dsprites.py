import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.data.datasets import dsprites, make_dataset
from irl_inr_jax.data.datasets.dsprites import FILE_NAME, latent_pose, read_dsprites
from irl_inr_jax.geometry.moments import moment_pose
from irl_inr_jax.types import InputError

RNG = np.random.default_rng(0)


def render_sprite(orientation, pos_x, pos_y):
    """Return a half disk, flat side down at orientation 0, at the position that the published latents define."""
    row, column = np.mgrid[:64, :64].astype(float)
    right, up = column - (15.5 + 32 * pos_x), (15.5 + 32 * pos_y) - row
    along = np.cos(orientation) * right + np.sin(orientation) * up
    across = -np.sin(orientation) * right + np.cos(orientation) * up
    return ((along**2 + across**2 < 12.0**2) & (across > -2.0)).astype(np.uint8)


@pytest.fixture
def published(tmp_path, data):
    """published(num_images, name, **changes): write a file with the published members and return its arrays."""
    data.update(root=str(tmp_path), name="dsprites")

    def write(num_images=12, name=f"dsprites/{FILE_NAME}", compress=True, **changes):
        sizes = (1, 3, 6, 40, 32, 32)
        classes = np.stack([RNG.integers(0, size, num_images) for size in sizes], axis=-1)
        classes[:, 1] = np.arange(num_images) % 3
        values = np.stack([axis[column] for axis, column in zip(dsprites._GRID, classes.T, strict=True)], axis=-1)
        images = np.stack([render_sprite(*row[3:]) for row in values])
        arrays = {
            "metadata": np.array({"title": "pickled"}, object),
            "imgs": images,
            "latents_classes": classes,
            "latents_values": values,
            **changes,
        }
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save = np.savez_compressed if compress else np.savez
        save(path, **{key: array for key, array in arrays.items() if array is not None})
        return arrays

    return write


def test_published_file(published, data, tmp_path, log):
    arrays = published()
    source = read_dsprites(data)
    np.testing.assert_array_equal(source.read(np.arange(12))[..., 0], arrays["imgs"])
    np.testing.assert_array_equal(source.read(np.array([7, 2]))[..., 0], arrays["imgs"][[7, 2]])
    assert source.ids[7] == "dsprites/000007" and source.test is None
    assert list(source.labels[:4]) == ["square", "ellipse", "heart", "square"]
    assert list(source.columns) == ["shape", "scale", "orientation", "pos_x", "pos_y"]
    np.testing.assert_allclose(source.columns["orientation"], arrays["latents_values"][:, 3])
    unpacked = list((tmp_path / "dsprites").glob("*.npy"))
    assert len(unpacked) == 1 and len(log.messages) == 1
    written = unpacked[0].stat().st_mtime_ns
    np.testing.assert_array_equal(read_dsprites(data).read(np.arange(12))[..., 0], arrays["imgs"])
    assert unpacked[0].stat().st_mtime_ns == written and len(log.messages) == 1


def test_changed_file_of_the_same_name_is_unpacked_again(published, data):
    published()
    read_dsprites(data)
    arrays = published()
    np.testing.assert_array_equal(read_dsprites(data).read(np.arange(12))[..., 0], arrays["imgs"])


def test_latents_classes_are_indices_of_the_published_grid(published, data):
    values = published(name="regenerated.npz", latents_values=None, compress=False)
    source = read_dsprites(data)
    classes = values["latents_classes"]
    np.testing.assert_allclose(source.columns["scale"], 0.5 + 0.1 * classes[:, 2])
    np.testing.assert_allclose(source.columns["pos_y"], classes[:, 5] / 31)
    np.testing.assert_allclose(source.columns["orientation"], classes[:, 3] * 2 * np.pi / 39)


def test_latent_pose_agrees_with_the_pose_measured_on_the_images():
    orientation, pos_x, pos_y = RNG.uniform(0, 2 * np.pi, 40), RNG.uniform(0, 1, 40), RNG.uniform(0, 1, 40)
    images = np.stack([render_sprite(*row) for row in zip(orientation, pos_x, pos_y, strict=True)])
    measured, _ = moment_pose(jnp.asarray(images[..., None], jnp.float32), translation=True)
    expected = latent_pose(orientation, pos_x, pos_y)
    residual = np.exp(1j * (np.asarray(measured.theta) - expected.theta))
    assert abs(residual.mean()) > 0.995
    # The centre of mass of a half disk is at a constant offset from the disk's centre in the frame of the shape.
    offset = ((np.asarray(measured.tau) - expected.tau) @ [1, 1j]) * np.exp(-1j * expected.theta)
    np.testing.assert_allclose(offset, offset.mean(), atol=0.01)
    np.testing.assert_allclose(offset.mean().real, 0, atol=0.005)
    assert offset.mean().imag > 0.05


def test_no_file_and_several_files_are_errors(published, data, tmp_path):
    with pytest.raises(InputError, match=rf"config\.data\.root .*expected {FILE_NAME}, or one .*found none"):
        read_dsprites(data)
    np.savez(tmp_path / "others.npz", images=np.zeros(3))
    with pytest.raises(InputError, match="found none"):
        read_dsprites(data)
    published(name="one.npz")
    published(name="two.npz")
    with pytest.raises(InputError, match=r"found 2, one\.npz and two\.npz; leave one"):
        read_dsprites(data)
    published()
    assert FILE_NAME in read_dsprites(data).name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imgs": np.zeros((12, 64, 64))}, r"imgs of shape \(N, h, w\) and type uint8, found .*float64"),
        ({"imgs": np.zeros((12, 64), np.uint8)}, r"found \(12, 64\) of type uint8"),
        ({"imgs": np.zeros((0, 64, 64), np.uint8)}, r"found \(0, 64, 64\)"),
        ({"imgs": np.asfortranarray(np.ones((12, 64, 64), np.uint8))}, "in Fortran order"),
        ({"latents_values": np.ones((11, 6))}, r"latents_values of shape \(12, 6\) for 12 images, found \(11, 6\)"),
        ({"latents_values": np.full((12, 6), 4.0)}, r"shapes 1, 2 and 3, found \[4\.\]"),
        ({"latents_values": np.full((12, 6), np.nan)}, "expected finite latents_values"),
        ({"latents_values": np.array([None] * 12, object)}, "plain arrays"),
        ({"latents_values": None, "latents_classes": np.full((12, 6), 3)}, "below 1, 3, 6, 40, 32, 32, found"),
    ],
)
def test_members_of_other_shape_or_type_are_errors(published, data, changes, message):
    published(**changes)
    with pytest.raises(InputError, match=message) as caught:
        read_dsprites(data)
    assert str(caught.value).startswith("config.data.root (") and "\n" not in str(caught.value)


def test_damaged_files_are_errors_and_leave_no_files(published, data, tmp_path):
    published(compress=False)
    path = tmp_path / "dsprites" / FILE_NAME
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"imgs.npy") + 4000] ^= 0xFF
    for content in (b"", whole[: len(whole) // 2], bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"found a damaged or another file .*; download it again"):
            read_dsprites(data)
        assert [file.name for file in path.parent.iterdir()] == [FILE_NAME]


def test_the_data_set_has_shapes_as_classes_and_known_poses(published, data):
    published()
    dataset = make_dataset(data)
    assert dataset.class_names == ("ellipse", "heart", "square") and dataset.train.images.shape == (12, 64, 64, 1)
    np.testing.assert_allclose(dataset.train.pose.tau[:, 0], dataset.train.columns["pos_x"] - 0.5, atol=1e-6)
