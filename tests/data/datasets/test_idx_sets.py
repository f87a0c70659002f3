import numpy as np
import pytest

from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.types import InputError


@pytest.fixture
def make(data, tmp_path):
    def make_it(name, **keys):
        data.update(name=name, root=str(tmp_path), **keys)
        return make_dataset(data)

    return make_it


def test_mnist_u_keeps_the_publishers_splits_order_and_labels(make, write_idx_set, tmp_path):
    published = write_idx_set(tmp_path / "mnist")
    dataset = make("mnist_u", canvas=50, translation_px=5.0)
    for split, part in (("train", dataset.train), ("test", dataset.test)):
        images, labels = published[split]
        assert part.images.shape == (len(images), 50, 50, 1) and part.images.dtype == np.uint8
        np.testing.assert_array_equal(part.labels, labels)
        assert list(part.ids) == [f"{split}/{row:05d}" for row in range(len(images))]
        assert part.pose.tau.any()
    assert dataset.class_names == tuple("0123456789")
    assert not np.isin(dataset.train.pose.theta, dataset.test.pose.theta).any()


def test_an_image_and_its_pose_depend_on_neither_limit_nor_excluded_classes(make, write_idx_set, tmp_path):
    write_idx_set(tmp_path / "mnist")
    whole = make("mnist_u", canvas=50, translation_px=5.0)
    few = make("mnist_u", num_train=8, num_test=4, exclude_classes=(9,))
    assert few.class_names == tuple("012345678")
    for part, all_of_it, count in ((few.train, whole.train, 8), (few.test, whole.test, 4)):
        rows = np.array([int(name[-5:]) for name in part.ids])
        assert len(rows) == count and (rows % 10 != 9).all()
        np.testing.assert_array_equal(part.images, all_of_it.images[rows])
        np.testing.assert_array_equal(part.pose.theta, all_of_it.pose.theta[rows])
        np.testing.assert_array_equal(part.pose.tau, all_of_it.pose.tau[rows])


@pytest.mark.parametrize(("name", "folder"), [("rotated_mnist", "mnist"), ("rotated_fashion_mnist", "fashion_mnist")])
def test_the_rotated_sets_are_rotated_and_not_shifted(make, write_idx_set, tmp_path, name, folder):
    published = write_idx_set(tmp_path / folder, suffix="")
    dataset = make(name)
    assert dataset.train.images.shape == (40, 28, 28, 1)
    assert not dataset.train.pose.tau.any() and np.ptp(dataset.train.pose.theta) > np.pi
    upright = published["train"][0].sum((1, 2), dtype=np.int64)
    np.testing.assert_allclose(dataset.train.images.sum((1, 2, 3), dtype=np.int64), upright, rtol=0.03)
    with pytest.raises(InputError, match=rf"translation_px: expected its default 0\.0 for {name}, .*found 3"):
        make(name, translation_px=3.0)


def test_fashion_mnists_garments_have_names(make, write_idx_set, tmp_path):
    write_idx_set(tmp_path / "fashion_mnist")
    dataset = make("rotated_fashion_mnist", exclude_classes=(0, "Bag"))
    assert dataset.class_names == (
        "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Ankle boot"
    )  # fmt: skip
    rows = np.array([int(name[-5:]) for name in dataset.train.ids])
    assert set(rows % 10) == {1, 2, 3, 4, 5, 6, 7, 9}
    assert all(dataset.train.labels[rows % 10 == 9] == 7)


def test_a_label_outside_the_classes_is_an_error(make, write_idx, write_idx_set, tmp_path):
    write_idx_set(tmp_path / "mnist")
    write_idx(tmp_path / "mnist/t10k-labels-idx1-ubyte.gz", np.full(20, 10, np.uint8))
    with pytest.raises(InputError, match=r"t10k-labels.*expected labels of 0 to 9, found 10"):
        make("mnist_u")


def test_a_canvas_smaller_than_the_digits_is_an_error(make, write_idx_set, tmp_path):
    write_idx_set(tmp_path / "mnist")
    with pytest.raises(
        InputError, match=r"config\.data\.canvas: expected 0 or at least 28 for rotated_mnist, found 20"
    ):
        make("rotated_mnist", canvas=20)
