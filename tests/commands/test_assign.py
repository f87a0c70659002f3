"""Test `irl-inr assign` and `irl-inr export-model` on a small model, as a user calls them."""

import csv
import json
import time

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.commands import assign, assign_watch, export_model
from irl_inr_jax.commands.assign import DRIFT_STATUS
from irl_inr_jax.deployment import drift_file
from irl_inr_jax.deployment.assigned_table import lock_table
from irl_inr_jax.deployment.bundle_file import digest_bundle, save_bundle
from tests.small_model import make_small_images, make_small_model


@pytest.fixture
def model(tmp_path):
    """The path of the small model."""
    path = tmp_path / "small.irl"
    save_bundle(path, make_small_model())
    return str(path)


def write_images(folder, rows):
    folder.mkdir(exist_ok=True)
    for row in rows:
        Image.fromarray(make_small_images()[row]).save(folder / f"{row}.png")


def read_table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_assigned_with_a_page_and_drift(model, tmp_path, capsys):
    write_images(tmp_path / "new <b>", range(6))
    out = tmp_path / "out" / "assigned.csv"
    assert assign.main(["--model", model, str(tmp_path / "new <b>"), "--out", str(out), "--report"]) == 0
    rows = read_table(out)
    assert [row["id"] for row in rows] == [f"{row}.png" for row in range(6)]
    assert [row["nearest"] for row in rows] == [f"ü/{row}" for row in range(6)]
    facts = json.loads(out.with_suffix(".drift.json").read_text())
    assert facts["model"] == make_small_model().digest and facts["num_new"] == 6 and facts["alarm"] is False
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    assert "new &lt;b&gt;" in page and "new <b>" not in page and "ring &lt;&amp;&gt;" in page and "<script" not in page
    printed = capsys.readouterr().out
    assert "6 images" in printed and facts["sentence"] in printed
    assert sorted(path.name for path in out.parent.iterdir()) == [
        ".assigned.csv.lock",
        "assigned.csv",
        "assigned.drift.json",
        "assigned.html",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected --model"),
        (["nowhere"], "nowhere"),
        (["new.npy", "--out", "a.txt"], "ending in .csv"),
        (["new.npy", "--watch", "--report"], "without --watch"),
        (["--watch", "new.npy"], "expected a folder"),
        (["new.npy", "other.npy"], "other.npy"),
    ],
)
def test_errors_of_the_user_have_status_2(model, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.save("new.npy", make_small_images()[:2])
    assert assign.main(["--model", model, *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--fail-on-drift=0.01"], DRIFT_STATUS)])
def test_drift_is_an_exit_status_only_if_requested(model, tmp_path, monkeypatch, arguments, status):
    monkeypatch.setattr(drift_file, "find_drift", _with_alarm(drift_file.find_drift))
    np.save(tmp_path / "new.npy", make_small_images()[:3])
    out = tmp_path / "assigned.csv"
    assert assign.main([f"--model={model}", str(tmp_path / "new.npy"), f"--out={out}", *arguments]) == status


def _with_alarm(find_drift):
    return lambda *given, **options: find_drift(*given, **options)._replace(alarm=True)


def watch_while(monkeypatch, events):
    """Let the watching loop run one of `events` each time it waits, then end it as Ctrl-C does."""
    left = iter(events)

    def sleep(_):
        event = next(left, None)
        if event is None:
            raise KeyboardInterrupt
        event()

    monkeypatch.setattr(assign_watch.time, "sleep", sleep)


@pytest.mark.slow
def test_files_are_assigned_as_they_arrive_each_once(model, tmp_path, monkeypatch, capsys):
    folder, out = tmp_path / "in", tmp_path / "assigned.csv"
    write_images(folder, [0, 1])
    whole = (folder / "1.png").read_bytes()

    def begin():
        (folder / "2.png").write_bytes(whole[:40])
        np.save(folder / "stack.npy", make_small_images()[3:6])

    def complete():
        (folder / "2.png").write_bytes(whole)

    def wait():
        pass

    command = ["--model", model, f"--watch={folder}", "--out", str(out)]
    watch_while(monkeypatch, [wait, wait, begin, wait, wait, complete, wait, wait])
    assert assign.main(command) == 0
    expected = ["0.png", "1.png", "2.png", "stack.npy#0", "stack.npy#1", "stack.npy#2"]
    assert sorted(row["id"] for row in read_table(out)) == expected
    assert "not read: 2.png" in capsys.readouterr().out

    # The process was killed while it wrote: the last line is cut, and one image arrived meanwhile.
    out.write_bytes(out.read_bytes()[:-7])
    write_images(folder, [7])
    watch_while(monkeypatch, [wait, wait, wait])
    assert assign.main(command) == 0
    assert sorted(row["id"] for row in read_table(out)) == sorted([*expected, "7.png"])
    assert json.loads((tmp_path / "assigned.drift.json").read_text())["num_new"] == 2


def test_a_table_of_another_model_and_one_that_is_written_to_are_refused(model, tmp_path, monkeypatch, capsys):
    folder, out = tmp_path / "in", tmp_path / "assigned.csv"
    write_images(folder, [0, 1])
    command = ["--model", model, f"--watch={folder}", "--out", str(out)]
    with lock_table(out):
        for arguments in (command, ["--model", model, str(folder), "--out", str(out)]):
            assert assign.main(arguments) == 2
            assert "expected no other irl-inr assign that writes" in capsys.readouterr().err
    assert not out.exists()
    watch_while(monkeypatch, [time.time] * 3)
    assert assign.main(command) == 0
    before = out.read_bytes()
    other = make_small_model()
    other = other._replace(facts={**other.facts, "step": 99})
    save_bundle(tmp_path / "other.irl", other._replace(digest=digest_bundle(other)))
    command[1] = str(tmp_path / "other.irl")
    assert assign.main(command) == 2
    assert "expected a table of this model in" in capsys.readouterr().err and out.read_bytes() == before


def test_files_that_cannot_be_read_are_listed_and_the_others_assigned(model, tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "assigned.csv"
    write_images(folder, [0, 1])
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(b"no image")
    assert assign.main(["--model", model, str(folder), "--out", str(out)]) == 0
    assert [row["id"] for row in read_table(out)] == ["0.png", "1.png"]
    printed = capsys.readouterr().out
    assert all(f"not read: {name}" in printed for name in ("a.png", "b.png", "c.png"))


def test_a_file_that_disappears_before_its_pixels_are_read_is_listed(model, tmp_path, monkeypatch, capsys):
    """The pixels of images that do not fit in memory are read after all files were opened."""
    folder, out = tmp_path / "in", tmp_path / "assigned.csv"
    write_images(folder, range(4))
    chunks = assign_watch.assign_chunks

    def lose_one(bundle, new, rows):
        if len(rows) > 1:
            (folder / "2.png").unlink()
            raise OSError("No such file or directory: 2.png")
        return chunks(bundle, new, rows)

    monkeypatch.setattr(assign_watch, "assign_chunks", lose_one)
    watch_while(monkeypatch, [time.time] * 4)
    assert assign.main(["--model", model, f"--watch={folder}", "--out", str(out)]) == 0
    assert [row["id"] for row in read_table(out)] == ["0.png", "1.png", "3.png"]
    assert "not read: 2.png: " in capsys.readouterr().out


def test_a_kill_between_append_and_anything_else_repeats_nothing(model, tmp_path, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "assigned.csv"
    write_images(folder, range(5))
    append = assign_watch.append_lines

    def append_and_die(path, lines):
        append(path, lines)
        raise SystemExit(9)

    command = ["--model", model, "--watch", str(folder), "--out", str(out)]
    monkeypatch.setattr(assign_watch, "append_lines", append_and_die)
    watch_while(monkeypatch, [time.time] * 3)
    with pytest.raises(SystemExit):
        assign.main(command)
    monkeypatch.setattr(assign_watch, "append_lines", append)
    watch_while(monkeypatch, [time.time] * 3)
    assert assign.main(command) == 0
    assert sorted(row["id"] for row in read_table(out)) == [f"{row}.png" for row in range(5)]


def test_errors_of_export_model_have_status_2(model, tmp_path, capsys):
    assert export_model.main([]) == 2
    assert export_model.main(["--model", model, "--to=stablehlo", "--out", str(tmp_path / "a.bin")]) == 2
    assert export_model.main(["--model", model, "--to", "tflite"]) == 2
    assert "ending in .stablehlo" in capsys.readouterr().err


def test_an_earlier_table_is_replaced_and_another_file_is_not(model, tmp_path, capsys):
    write_images(tmp_path / "new", range(3))
    out = tmp_path / "assigned.csv"
    given = ["--model", model, str(tmp_path / "new"), "--out", str(out)]
    assert assign.main(given) == 0 and "earlier table" not in capsys.readouterr().out
    assert assign.main(given) == 0 and "in place of the earlier table" in capsys.readouterr().out
    out.write_text("id,price\n1,2\n")
    assert assign.main(given) == 2 and "found another file" in capsys.readouterr().err
    assert out.read_text() == "id,price\n1,2\n"


@pytest.mark.parametrize(
    ("name", "content", "refused"),
    [
        ("assigned.csv.partial", "mine", "an earlier table"),
        ("assigned.html", "<html>mine</html>", "an earlier page of irl-inr assign"),
        ("assigned.drift.json", '{"model": "mine"}', "the drift of an earlier table"),
        ("assigned.drift.json", "[1]", "the drift of an earlier table"),
    ],
)
def test_no_other_file_beside_the_table_is_replaced(model, tmp_path, capsys, name, content, refused):
    write_images(tmp_path / "new", range(2))
    (tmp_path / name).write_text(content)
    given = ["--model", model, str(tmp_path / "new"), "--out", str(tmp_path / "assigned.csv")]
    assert assign.main([*given, "--report"]) == 2
    error = capsys.readouterr().err
    assert refused in error and name in error and (tmp_path / name).read_text() == content
    assert not (tmp_path / "assigned.csv").exists()
    if name == "assigned.html":  # without a page it is not in the way
        assert assign.main(given) == 0
    elif name == "assigned.drift.json":
        assert assign.main([*given, "--watch"]) == 2
    assert (tmp_path / name).read_text() == content
    (tmp_path / name).unlink()
    if name == "assigned.html":
        assert assign.main([*given, "--report"]) == assign.main([*given, "--report"]) == 0
        capsys.readouterr()
        assert assign.main(given) == 0 and "assigned.html: of the earlier table" in capsys.readouterr().out


def test_a_file_has_the_id_that_it_has_in_its_folder(model, tmp_path):
    write_images(tmp_path / "new", range(2))
    out = tmp_path / "assigned.csv"
    assert assign.main(["--model", model, str(tmp_path / "new" / "1.png"), "--out", str(out)]) == 0
    assert [row["id"] for row in read_table(out)] == ["1.png"]
