"""Archives of images, with and without a table."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.config import base
from irl_inr_jax.data.datasets import open_source
from irl_inr_jax.data.readers import zip_archive
from irl_inr_jax.types import InputError

ECOTAXA = (
    "object_id\tobject_lat\tobject_annotation_category\timg_file_name\n"
    "o2\t43.5\tCopepoda\timages/b.png\n"
    "o1\t43.6\tdetritus\timages/a.png\n"
)
MORPHOCLUSTER = "object_id,path\no1,images/a.png\no2,images/b.png\n"


def png(value):
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 5), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


IMAGES = {"images/a.png": png(10), "images/b.png": png(20)}


@pytest.fixture
def pack(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = base.get_config().data
    data.update(name="images", path=str(tmp_path / "export.zip"))

    def write(members):
        with zipfile.ZipFile(data.path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return data

    return write


def values(source):
    return source.read(np.arange(len(source.ids)))[:, 0, 0, 0].tolist()


def test_an_archive_of_ecotaxa_keeps_the_order_the_classes_and_the_columns_of_its_table(pack):
    source = open_source(pack(IMAGES | {"ecotaxa_export.tsv": ECOTAXA}))
    assert values(source) == [20, 10] and source.labels.tolist() == ["Copepoda", "detritus"]
    assert source.columns["object_id"].tolist() == ["o2", "o1"]


def test_an_archive_of_morphocluster_has_no_labels(pack):
    source = open_source(pack(IMAGES | {"index.csv": MORPHOCLUSTER}))
    assert values(source) == [10, 20] and source.labels is None


def test_folders_are_classes_without_a_table_and_hidden_files_are_left_out(pack):
    members = {"ant/a.png": png(1), "bee/b.png": png(2), "__MACOSX/ant/._a.png": b"x", "read me.txt": b"x"}
    source = open_source(pack(members))
    assert source.ids.tolist() == ["ant/a.png", "bee/b.png"] and source.labels.tolist() == ["ant", "bee"]


def test_an_archive_is_unpacked_once_and_again_when_it_changed(pack, tmp_path):
    data = pack(IMAGES)
    assert values(open_source(data)) == [10, 20] == values(open_source(data))
    folders = tmp_path / "cache" / "irl_inr_jax" / "archives"
    assert len(list(folders.iterdir())) == 1
    assert values(open_source(pack({"images/a.png": png(30), "images/c.png": png(40), "d.png": png(50)}))) == [
        50,
        30,
        40,
    ]
    assert len(list(folders.iterdir())) == 2


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../a.png": png(1)}, r"names within the archive, found '\.\./a\.png'"),
        ({"C:/a.png": png(1)}, r"names within the archive, found 'C:/a\.png'"),
        ({"a.txt": b""}, r"expected images \(.*\) in the archive, found none"),
        (
            IMAGES | {"a.csv": "path\n", "b.csv": "path\n"},
            r"at most one table in the archive, found 2 \(a\.csv, b\.csv\)",
        ),
        ({"a.png": bytes(300_000_000)}, r"expected an archive of images, found 0\.3 GB packed to 0\.3 MB"),
    ],
)
def test_archives_of_something_else_are_refused(pack, members, message, tmp_path):
    with pytest.raises(InputError, match=message):
        open_source(pack(members))
    assert not (tmp_path / "a.png").exists()


def test_a_cut_and_a_patched_archive_leave_nothing_behind(pack, tmp_path):
    data = pack(IMAGES)
    path = tmp_path / "export.zip"
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        member = archive.infolist()[1]
    path.write_bytes(content[:-30])
    with pytest.raises(InputError, match=r"expected a \.zip archive, found another kind of file or a damaged one"):
        open_source(data)
    middle = member.header_offset + 30 + len(member.filename) + member.compress_size // 2
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    with pytest.raises(InputError, match=r"expected a \.zip archive, found"):
        open_source(data)
    assert list((tmp_path / "cache" / "irl_inr_jax" / "archives").iterdir()) == []


def test_an_archive_that_declares_far_more_than_it_packs_is_not_unpacked(pack, monkeypatch, tmp_path):
    monkeypatch.setattr(zip_archive, "MAX_RATIO", 3)
    with pytest.raises(InputError, match=r"expected an archive of images, found 0\.0 GB packed to 0\.0 MB; unpack it"):
        open_source(pack({"a.png": bytes(4_000_000)}))
    assert not (tmp_path / "cache").exists()
