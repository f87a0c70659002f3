import os

import pytest

from irl_inr_jax.data.readers.file_search import count_endings, find_files
from irl_inr_jax.types import InputError


@pytest.fixture
def tree(tmp_path):
    """tree(*paths, link=target, ...): create empty files and links to folders below tmp_path/root."""
    root = tmp_path / "root"
    root.mkdir()

    def create(*paths, links=()):
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        for link, target in links:
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            os.symlink(target, root / link)
        return root

    return create


def test_linked_folders_are_read_once_each_by_their_own_name(tree, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/3").touch()
    root = tree("z/1", "z/deep/2", links=[("a", "z"), ("b", tmp_path / "outside"), ("c", tmp_path / "outside")])
    assert find_files(root) == ["b/3", "z/1", "z/deep/2"]
    assert find_files(root, ("*", "*")) == ["b/3", "z/1"]
    assert find_files(root, ("a*", "*")) == ["a/1"]


def test_circles_of_links_end(tree, tmp_path):
    root = tree("a/1", "b/2", "a/c/3")
    for folder in ("a", "b", "a/c"):
        for name, target in (("up", root), ("outer", tmp_path), ("x", root / "a"), ("y", root / "b")):
            os.symlink(target, root / folder / name)
    os.symlink("self", root / "self")
    files = ["a/1", "a/c/3", "b/2"]
    assert find_files(root) == [*files, "self"] == find_files(root, ("**", "*"))
    assert find_files(root, ("**", "[0-9]")) == files == find_files(root, ("**", "**", "[0-9]"))


def test_patterns_match_one_folder_a_part(tree):
    root = tree("1", "a/1", "a/b/2", "a/b/c/3", ".h/4", "a/.5")
    assert find_files(root) == ["1", "a/1", "a/b/2", "a/b/c/3"] == find_files(root, ("**",))
    assert find_files(root, ("*",)) == ["1"] and find_files(root, ("a", "*")) == ["a/1"]
    assert find_files(root, ("a", "**", "[23]")) == ["a/b/2", "a/b/c/3"]
    assert find_files(root, ("**", "b", "**", "*")) == ["a/b/2", "a/b/c/3"]
    assert find_files(root, (".*", "*")) == [".h/4"] and find_files(root, ("**", ".5")) == ["a/.5"]
    assert find_files(root, ("A", "*")) == [] == find_files(root / "none")
    assert find_files(root, is_left_out=lambda folder: folder == "b") == ["1", "a/1"]


def test_a_folder_that_cannot_be_read_is_an_error(tree, monkeypatch):
    root, scandir = tree("a/1", "b/1"), os.scandir

    def refuse(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"expected folders that can be read, found .*root/b \(Permission denied\)"):
        find_files(root)


def test_endings_are_counted_without_case():
    assert count_endings([]) == "" and count_endings(["a.txt"]) == "1 file ending in .txt"
    assert count_endings(["a/b.HEIC", "c.heic", "d"]) == "2 files ending in .heic, 1 in no extension"
    many = [f"{number}.{number}" for number in range(8)]
    assert count_endings(many).endswith("1 in .4, 3 in others")
