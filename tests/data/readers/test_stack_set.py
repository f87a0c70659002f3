import mrcfile
import numpy as np
import pytest

from irl_inr_jax.data.datasets.own_images import read_own_images
from irl_inr_jax.data.datasets.particles import measure_background, read_particles
from irl_inr_jax.data.readers.stack_set import open_star
from irl_inr_jax.types import InputError

STACKS = np.random.default_rng(0).normal(size=(3, 5, 6, 8)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """write(name=stack, ...): write stacks below tmp_path/set, with '/' for '__' in their names; return the folder."""

    def write_them(*names, stacks=STACKS):
        for name, stack in zip(names, stacks, strict=False):
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with mrcfile.new(path, overwrite=True) as file:
                file.set_data(stack)
        return tmp_path / "set"

    return write_them


def write_star(path, *rows, columns=("rlnImageName", "rlnAnglePsi", "rlnMicrographName", "rlnClassNumber")):
    tags = "\n".join(f"_{name} #{number}" for number, name in enumerate(columns, 1))
    optics = "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnOpticsGroupName #2\n1 opticsGroup1\n\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# version 30001\n\n{optics}\ndata_particles\n\nloop_\n{tags}\n" + "\n".join(rows) + "\n")
    return path


def test_a_folder_of_stacks_is_one_set(data, write):
    folder = write("b.mrcs", "a.mrcs")
    (folder / "notes.txt").touch()
    for path in (folder, folder / "*.mrcs"):
        data.path = str(path)
        source = read_own_images(data)
        assert source.ids[[0, 5]].tolist() == ["a/00000", "b/00000"] and len(source.ids) == 10
        rows = np.array([9, 0, 4, 9, 5])
        np.testing.assert_array_equal(source.read(rows)[..., 0], np.concatenate([STACKS[1], STACKS[0]])[rows])
        assert source.files[7] == str(folder / "b.mrcs") and source.pages[7] == 2 and source.labels is None
        assert source.notes[0] == "10 images of 2 stacks"
    assert "not read: 1 file ending in .txt" in read_own_images(data.__class__({**data, "path": str(folder)})).notes


def test_folders_and_names_of_stacks_state_classes_and_splits(data, write, tmp_path):
    data.path = str(write("top/1.mrcs", "side/1.mrcs"))
    assert read_own_images(data).labels.tolist() == ["side"] * 5 + ["top"] * 5
    data.path = str(write("train/1.mrcs", "test/2.mrcs").parent / "set" / "t[er]*" / "*")
    assert read_own_images(data).test.tolist() == [True] * 5 + [False] * 5
    (tmp_path / "set").rename(tmp_path / "old")
    data.path = str(write("sim_train.mrcs", "sim_test.mrcs"))
    assert read_own_images(data).test.tolist() == [True] * 5 + [False] * 5
    write("sim_train.mrcs", "sim_test.mrcs", "other.mrcs")
    with pytest.raises(InputError, match=r"train or test in each, found test, train in some; set config\.data\.path"):
        read_own_images(data)


def test_particles_of_many_stacks_are_normalized_by_their_background(data, write):
    folder = write("a.mrcs", "b.mrcs")
    data.update(name="particles", path=str(folder))
    source = read_particles(data)
    raw = np.concatenate([STACKS[0], STACKS[1]])
    mean, std = (source.columns[f"background_{name}"][:, None, None] for name in ("mean", "std"))
    np.testing.assert_allclose(source.read(np.arange(10))[..., 0], (raw - mean) / std, rtol=1e-5)
    np.testing.assert_allclose(measure_background(source), [[0, 1]] * 10, atol=1e-5)
    data.path = str(write_star(folder / "p.star", "2@a.mrcs 1 x 1", "1@b.mrcs 2 x 1"))
    np.testing.assert_allclose(read_particles(data).read(np.array([1]))[..., 0], ((raw - mean) / std)[5:6], rtol=1e-5)
    data.path = str(folder / "*.st")
    with pytest.raises(InputError, match=r"expected stacks of particles \(\.mrcs, .*\) in .*, found none"):
        read_particles(data)


def test_a_star_file_gives_order_and_columns(data, write):
    folder = write("Extract/mic0.mrcs", "Extract/mic 1.mrcs")
    rows = ('"000003@Extract/mic 1.mrcs" 10 m1 2', "000001@Extract/mic0.mrcs -20.5 m0 1")
    star = write_star(folder / "Select/job003/particles.star", *rows)
    data.path = str(star)
    source = read_own_images(data)
    assert source.ids.tolist() == ["000003@Extract/mic 1.mrcs", "000001@Extract/mic0.mrcs"]
    np.testing.assert_array_equal(source.read(np.array([1, 0]))[..., 0], [STACKS[0][0], STACKS[1][2]])
    assert source.columns["rlnAnglePsi"].tolist() == [10.0, -20.5] and source.labels is None
    assert source.columns["rlnMicrographName"].tolist() == ["m1", "m0"]
    data.label_column = "rlnClassNumber"
    source = read_own_images(data)
    assert source.labels.tolist() == [2, 1] and "rlnClassNumber" not in source.columns
    data.label_column = "rlnNothing"
    with pytest.raises(InputError, match=r"expected the column 'rlnNothing' of config\.data\.label_column, found rlnA"):
        read_own_images(data)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("9@a.mrcs 1 x 1",), r"expected images 1 to 5 of the stack, found 9@a\.mrcs"),
        (("0@a.mrcs 1 x 1",), "expected images 1 to 5 of the stack, found 0@"),
        (("1@a.mrcs 1 x 1", "1@a.mrcs 2 x 1"), r"each image once, found '1@a\.mrcs' more than once"),
        (
            ("1@none.mrcs 1 x 1",),
            r"the stack none\.mrcs in the folder of the file or one around it, found none",
        ),
        (("1@a.mrcs 1",), r"expected a STAR file of RELION, found another kind of file or a damaged one"),
        (("1@a.mrcs 1 x 1", "1@c.mrcs 1 x 1"), r"one size and type, found images of 6x8 .* and images of 4x8 pixels"),
    ],
)
def test_star_files_that_do_not_fit_their_stacks_are_errors(data, write, rows, message):
    folder = write("a.mrcs", "c.mrcs", stacks=(STACKS[0], STACKS[1][:, :4]))
    data.path = str(write_star(folder / "p.star", *rows))
    with pytest.raises(InputError, match=message):
        open_star(data)


def test_a_star_file_of_micrographs_is_an_error(data, tmp_path):
    data.path = str(write_star(tmp_path / "m.star", "m1.mrc 1", columns=("rlnMicrographName", "rlnDefocusU")))
    with pytest.raises(InputError, match="column rlnImageName, found rlnDefocusU, rlnMicrographName, rlnOptics"):
        open_star(data)
    (tmp_path / "m.star").write_bytes(b"\xff\x00 no star file")
    with pytest.raises(InputError, match=r"expected a STAR file of RELION|found no table"):
        open_star(data)
