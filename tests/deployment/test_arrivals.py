"""Test which files of a folder are read, and when."""

import os

from irl_inr_jax.deployment.arrivals import Arrivals


def write(path, content=b"x", *, time=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time, time))


def test_a_file_is_ready_when_it_no_longer_changes_and_only_once(tmp_path):
    arrivals = Arrivals(tmp_path, [".png"])
    write(tmp_path / "sub" / "b.PNG")
    write(tmp_path / "a.png", b"half")
    for name in ("a.txt", ".hidden.png", ".part/c.png"):
        write(tmp_path / name)
    assert arrivals.look() == []
    write(tmp_path / "a.png", b"whole")
    assert arrivals.look() == ["sub/b.PNG"]
    assert arrivals.look() == ["a.png", "sub/b.PNG"]
    arrivals.finish("a.png")
    write(tmp_path / "a.png", b"rewritten", time=9)
    arrivals.look()
    assert arrivals.look() == ["sub/b.PNG"]


def test_a_file_that_failed_is_tried_again_when_it_has_changed(tmp_path):
    arrivals = Arrivals(tmp_path, [".png"])
    write(tmp_path / "a.png")
    arrivals.look()
    assert arrivals.look() == ["a.png"]
    arrivals.fail("a.png")
    assert arrivals.look() == []
    write(tmp_path / "a.png", b"x", time=2)  # as long as before, but written later
    assert arrivals.look() == [] and arrivals.look() == ["a.png"]
    (tmp_path / "a.png").unlink()
    assert arrivals.look() == []
