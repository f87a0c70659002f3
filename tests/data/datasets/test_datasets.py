"""The registry of data sets: names, keys, and the imports that they cause."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.data.datasets import DATASET_KEYS, DATASETS, galaxy_zoo, make_dataset
from irl_inr_jax.data.datasets.own_images import READER_KEYS, STACK_KEYS, find_reader
from irl_inr_jax.data.datasets.wm811k import STORE
from irl_inr_jax.data.keys import check_keys
from irl_inr_jax.types import InputError

ROOT = Path(__file__).resolve().parents[3]
RNG = np.random.default_rng(0)


def random_images(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def write_digits(root, write_idx, folder):
    for prefix, count in (("train", 12), ("t10k", 8)):
        write_idx(root / folder / f"{prefix}-images-idx3-ubyte", random_images(count, 8, 8))
        write_idx(root / folder / f"{prefix}-labels-idx1-ubyte", (np.arange(count) % 3).astype(np.uint8))


def write_wafers(root):
    shape = RNG.integers(7, 12, (24, 2)).astype(np.int16)
    np.savez(
        root / STORE,
        flat=RNG.integers(0, 3, int(shape.astype(int).prod(1).sum())).astype(np.uint8),
        shape=shape,
        label=np.arange(24) % 3,
        label_names=np.array(["Center", "Donut", "None"]),
        trianTestLabel=np.array(["Training", "Test", "Training", "Training"] * 6),
    )


def write_particles(root):
    (root / "5hdb").mkdir()
    for split, count in (("train", 12), ("test", 6)):
        np.save(root / "5hdb" / f"{split}.npy", RNG.normal(size=(count, 8, 8)).astype(np.float32))
        np.savez(root / "5hdb" / f"{split}_truth.npz", view=np.arange(count) % 3)


def write_sprites(root):
    latents = np.stack([RNG.integers(0, size, 12) for size in (1, 3, 6, 40, 32, 32)], axis=-1)
    latents[:, 1] = np.arange(12) % 3
    np.savez(root / "sprites.npz", imgs=RNG.integers(0, 2, (12, 8, 8)).astype(np.uint8), latents_classes=latents)


def write_galaxies(root):
    folder = root / "galaxy_zoo" / galaxy_zoo.IMAGES
    folder.mkdir(parents=True)
    answers = sorted({answer for answers in galaxy_zoo.CLASSES.values() for answer in answers})
    rows = [",".join(["GalaxyID", *answers])]
    for number in range(16):
        Image.fromarray(random_images(40, 40, 3)).save(folder / f"{number}.jpg")
        clear = ("Class1.1", "Class7.1") if number % 2 else ("Class1.2", "Class4.1")
        rows.append(",".join([str(number), *("0.9" if answer in clear else "0" for answer in answers)]))
    (folder.parent / galaxy_zoo.VOTES).write_text("\n".join(rows))


def write_files(root):
    """Eighteen files of three classes and several sizes in root/tree, and a table of them."""
    rows = ["path,other,label,kind"]
    for number in range(18):
        path = root / "tree" / "abc"[number % 3] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random_images(8, 8 + number % 2)).save(path)
        name = path.relative_to(root).as_posix()
        rows.append(f"{name},{root / name},{number % 3},{number % 2}")
    (root / "table.csv").write_text("\n".join(rows))


def write_stacks(root):
    images, labels = random_images(18, 8, 8), np.arange(18) % 3
    np.save(root / "stack.npy", images)
    np.savez(root / "stack.npz", images=images, labels=labels, pixels=images[::-1], kinds=labels % 2)
    (root / "labels.csv").write_text("label,kind\n" + "\n".join(f"{n // 6},{n // 9}" for n in range(18)))


@pytest.mark.parametrize(
    ("wrong", "nearest"), [("minst_u", "mnist_u"), ("image", "images"), ("npz", None), ("MNIST", None), ("", None)]
)
def test_an_unknown_name_is_an_error_with_the_nearest_and_all_names(data, wrong, nearest):
    data.name = wrong
    with pytest.raises(InputError, match=rf"^config\.data\.name: .*found '{wrong}', did you mean") as caught:
        make_dataset(data)
    assert all(name in str(caught.value) for name in DATASETS)
    assert nearest is None or f"did you mean '{nearest}'" in str(caught.value)


@pytest.mark.slow  # starts a process
def test_importing_the_data_sets_does_not_import_tensorflow_datasets():
    code = "import sys, irl_inr_jax.data.datasets; sys.exit('tensorflow_datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_data_set_has_its_keys(data):
    assert DATASET_KEYS.keys() == DATASETS.keys()
    assert all(keys <= set(data) for keys in DATASET_KEYS.values())


def test_an_unused_key_is_refused_in_one_line(data):
    data.update(images_key="pixels")
    check_keys(data, {"images_key"}, reader="digits_u")
    with pytest.raises(InputError) as caught:
        check_keys(data, set(), reader="digits_u")
    assert str(caught.value) == (
        "config.data.images_key: expected its default 'images' for digits_u, which does not use this key, found "
        "'pixels'; leave it out"
    )


def test_digits_u_uses_or_refuses_every_key(data, check_every_key):
    data.update(name="digits_u", num_train=12)
    changes = {"num_test": (2, {"test_fraction": 0.01}), "scaling": ("percentiles", {})}
    check_every_key(data, DATASET_KEYS["digits_u"], changes)


@pytest.mark.parametrize("name", ["mnist_u", "rotated_mnist", "rotated_fashion_mnist"])
def test_posed_sets_of_files_use_or_refuse_every_key(data, tmp_path, write_idx, check_every_key, name):
    write_digits(tmp_path, write_idx, "fashion_mnist" if "fashion" in name else "mnist")
    data.update(name=name, root=str(tmp_path))
    check_every_key(data, DATASET_KEYS[name], {})


@pytest.mark.parametrize(
    ("name", "write", "changes"),
    [
        ("wm811k", write_wafers, {"scaling": ("percentiles", {"resize": 3})}),
        ("wm811k_full", write_wafers, {"scaling": ("percentiles", {"resize": 3})}),
        ("particles", write_particles, {}),
        (
            "dsprites",
            write_sprites,
            {"num_test": (2, {"test_fraction": 0.4}), "scaling": ("type", {}), "background": ("0.5", {})},
        ),
        ("galaxy_zoo", write_galaxies, {"canvas": (70, {}), "resampling": ("max", {"resize": 6, "canvas": 20})}),
    ],
)
def test_published_sets_use_or_refuse_every_key(data, tmp_path, check_every_key, name, write, changes):
    write(tmp_path)
    data.update(name=name, root=str(tmp_path))
    check_every_key(data, DATASET_KEYS[name], changes)


def allow_damaged_file(data, folder):
    """Damage one file; return the change of max_unreadable that makes this an error."""
    (folder / "a" / "00.png").write_bytes(b"")
    data.max_unreadable = 0.5
    return {"max_unreadable": (0.01, {})}


def test_whoi_plankton_uses_or_refuses_every_key(data, tmp_path, check_every_key):
    write_files(tmp_path)
    (tmp_path / "tree").rename(tmp_path / "whoi_plankton")
    data.update(name="whoi_plankton", root=str(tmp_path))
    changes = allow_damaged_file(data, tmp_path / "whoi_plankton") | {"num_test": (2, {"class_images": (2, 2)})}
    check_every_key(data, DATASET_KEYS["whoi_plankton"], changes)


@pytest.mark.parametrize(
    "path",
    [
        "tree",
        pytest.param("tree/*/*.png", marks=pytest.mark.slow),
        pytest.param("table.csv", marks=pytest.mark.slow),
        "stack.npy",
        "stack.npz",
    ],
)
def test_own_images_use_or_refuse_every_key(data, tmp_path, check_every_key, path):
    write_files(tmp_path)
    write_stacks(tmp_path)
    labels_path = str(tmp_path / "labels.csv")
    data.update(name="images", path=str(tmp_path / path))
    used = READER_KEYS.get(find_reader(data.path), STACK_KEYS)
    changes = {"num_test": (2, {"test_fraction": 0.4}), "labels_path": (labels_path, {})}
    if "max_unreadable" in used:
        changes |= allow_damaged_file(data, tmp_path / "tree")
    if path == "stack.npy":  # has labels only by labels_path, here a table
        data.labels_path, changes["labels_path"], used = labels_path, ("", {}), used | {"label_column"}
    check_every_key(data, used, changes)


def test_invalid_values_are_refused_before_anything_is_read(data):
    data.name, data.root = "mnist_u", "/nowhere"
    for key, value, message in (
        ("crop", "square", "config.data.crop among none, circle, found 'square'"),
        ("resampling", "cubic", "config.data.resampling among area, nearest, max, found 'cubic'"),
        ("scaling", "no", "config.data.scaling among auto, type"),
        ("translation_px", -1.0, "config.data.translation_px of at least 0, found -1.0"),
    ):
        changed = data.copy_and_resolve_references()
        changed[key] = value
        with pytest.raises(InputError, match=message):
            make_dataset(changed)


@pytest.mark.parametrize("name", ["particles", "whoi_plankton"])
def test_a_root_that_a_path_would_hide_is_refused(data, tmp_path, name):
    data.update(name=name, root=str(tmp_path), path=str(tmp_path / "mine"))
    with pytest.raises(
        InputError, match=r"config\.data\.root: expected its default with config\.data\.path, .* leave one"
    ):
        make_dataset(data)
