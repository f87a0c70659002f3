"""irl-inr curate on evaluated runs that are written without training."""

import csv
import json

import numpy as np
import pytest

from irl_inr_jax.config.checked_files import read_json, write_json
from irl_inr_jax.evaluation.pipeline import Evaluation
from irl_inr_jax.evaluation.stored import UNCORRECTED, load_evaluation, load_uncorrected
from irl_inr_jax.training.workdir_lock import LOCKS, lock_workdir
from irl_inr_jax.types import InputError
from irl_inr_jax.workflows import evaluate_run, spread_corrections
from tests.evaluated_run import make_blob_images, sample_pose, write_png_folder, write_run

NAMES = [f"{number:02d}.png" for number in range(12)]
CLUSTERS = {"kmeans": [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, -1], "gmm2": [0] * 12}


@pytest.fixture
def run(tmp_path):
    """A run on a folder of twelve PNG files."""
    pose = sample_pose(12)
    write_png_folder(tmp_path / "data", NAMES, make_blob_images(pose.theta, pose.tau, 16))
    columns = {"site": np.array([f"s{number}" for number in range(12)])}
    data = {"path": str(tmp_path / "data")}
    write_run(tmp_path / "run", data, NAMES, clusters=CLUSTERS, pose=pose, columns=columns)
    return tmp_path / "run"


@pytest.fixture
def corrections(tmp_path):
    """A file that names, moves, splits and marks."""
    path = tmp_path / "corrections.csv"
    path.write_text("id,cluster,name,junk\n,0,ring,\n00.png,1,,\n08.png,,scratch,\n09.png,,scratch,\n11.png,,,1\n")
    return path


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(folder):
    """The bytes of each file except the lock, which is empty and stays."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != LOCKS["evaluation"]]
    return {path.name: path.read_bytes() for path in files}


def test_corrections_reach_every_output_and_undo_restores_every_byte(irl_inr, run, corrections, tmp_path):
    before = contents(run)
    result = irl_inr("curate", "--workdir", run, corrections)
    assert result.status == 0 and "version 1 of the clusters by kmeans: 3 of 12 images change; 4 clusters" in result.out
    stored = load_evaluation(run)
    assert stored.clusters["kmeans"].tolist() == [1, 0, 0, 0, 1, 1, 1, 1, 3, 3, 2, -1]
    assert stored.cluster_names == {"kmeans": {0: "ring", 3: "scratch"}} and stored.junk["kmeans"].tolist()[-1]
    assert stored.clusters["gmm2"].tolist() == [0] * 12 and load_uncorrected(run).cluster_names == {}

    rows = read_rows(run / "eval/clusters.csv")
    assert [row["kmeans_name"] for row in rows[::4]] == ["cluster 1", "cluster 1", "scratch"]
    assert rows[-1]["kmeans_name"] == "junk" and rows[-1]["kmeans"] == "-1" and rows[3]["site"] == "s3"
    assert (run / "eval" / UNCORRECTED).read_bytes() == before["clusters.csv"]

    assert irl_inr("export", "--workdir", run, "--to", "folders", "--out", tmp_path / "out").status == 0
    folders = {path.parent.name for path in (tmp_path / "out").glob("*/*")}
    assert folders == {"cluster_00_ring", "cluster_01", "cluster_02", "cluster_03_scratch", "junk"}
    assert irl_inr("export", "--workdir", run, "--to", "csv", "--out", tmp_path / "out.csv").status == 0
    assert [row["cluster_name"] for row in read_rows(tmp_path / "out.csv")] == [row["kmeans_name"] for row in rows]

    assert irl_inr("curate", "--workdir", run, "--undo").status == 0
    assert contents(run) == before


@pytest.mark.parametrize("raw", [False, True])
def test_names_that_look_like_formulas_survive_an_export_that_is_applied_again(irl_inr, run, tmp_path, raw, neighbours):
    path = run / "eval/results.json"
    results = read_json(path)
    write_json(path, {**results, "files": {**results["files"], "raw_csv": raw}})
    mark, names = "" if raw else "'", ["=x", "'=x", "''+y"]
    lines = ["id,cluster,name", *(f",{number},{mark}{name}" for number, name in enumerate(names))]
    (tmp_path / "names.csv").write_text("\n".join([*lines, "00.png,1,", ""]))
    assert irl_inr("curate", "--workdir", run, tmp_path / "names.csv").status == 0
    expected = dict(enumerate(names))
    assert load_evaluation(run).cluster_names == {"kmeans": expected}
    out = tmp_path / "out.csv"
    assert irl_inr("export", "--workdir", run, "--clusterer", "kmeans", "--to", "csv", "--out", out).status == 0
    assert f"{mark}=x" in {row["cluster_name"] for row in read_rows(out)}
    out.write_text(out.read_text().replace("cluster_name", "name", 1))
    assert irl_inr("curate", "--workdir", run, "--undo").status == 0
    assert irl_inr("curate", "--workdir", run, out).status == 0
    assert load_evaluation(run).cluster_names == {"kmeans": expected}
    (tmp_path / "more.csv").write_text(f"id,name\n00.png,{mark}=x\n02.png,{mark}=x\n")
    assert irl_inr("curate", "--workdir", run, tmp_path / "more.csv", "--propagate").status == 0
    assert f"{mark}=x" in {row["expected"] for row in read_rows(run / "eval/next_kmeans.csv")}


def test_versions_are_listed_restored_and_not_repeated(irl_inr, refused, run, corrections, tmp_path):
    assert "no corrections" in irl_inr("curate", "--workdir", run, "--list").out
    more = tmp_path / "more.csv"
    more.write_text("id,name\n10.png,ring\n")
    states = []
    for path in (corrections, more):
        assert irl_inr("curate", "--workdir", run, path).status == 0
        states.append(load_evaluation(run).clusters["kmeans"].tolist())
    assert "nothing to correct" in irl_inr("curate", "--workdir", run, more).out
    listed = irl_inr("curate", "--workdir", run, "--list").out
    assert "  1  " in listed and "corrections.csv" in listed and "1 image is put into cluster 0" in listed
    assert len(listed.splitlines()) == 3
    assert irl_inr("curate", "--workdir", run, "--restore", "1").status == 0
    assert load_evaluation(run).clusters["kmeans"].tolist() == states[0]
    refused(["curate", "--workdir", run, "--restore", "2"], ["found 1 versions"])
    assert irl_inr("curate", "--workdir", run, "--restore=0").status == 0
    refused(["curate", "--workdir", run, "--undo"], ["found 0 versions"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["expected one of a file"]),
        (["a.csv", "--list"], ["expected one of a file"]),
        (["--undo", "--restore", "0"], ["expected one of a file"]),
        (["--propagate", "--refine"], ["found both"]),
        (["missing.csv"], ["found no missing.csv"]),
        (["a.csv", "b.csv"], ["'b.csv'"]),
        (["--clusterer", "scan", "--list"], ["kmeans, gmm2", "'scan'"]),
    ],
)
def test_requests_that_cannot_be_meant_are_refused(refused, run, arguments, words):
    refused(["curate", "--workdir", run, *arguments], words)


def test_a_refused_file_changes_nothing(refused, run, tmp_path):
    before = contents(run)
    (tmp_path / "a.csv").write_text("id,cluster\n00.png,1\nother.png,2\n")
    refused(["curate", "--workdir", run, tmp_path / "a.csv"], ["'other.png' (1 of 2"])
    assert contents(run) == before


def evaluate_again(run, renumber):
    """Replace the evaluation by one that numbers the clusters of kmeans differently, as evaluate_run does."""
    numbers = {**CLUSTERS, "kmeans": [renumber[number] for number in CLUSTERS["kmeans"]]}
    data = json.loads((run / "config.json").read_text())["data"]
    write_run(run.parent / "again", {"path": data["path"]}, NAMES, clusters=numbers, pose=sample_pose(12))
    (run / "eval" / UNCORRECTED).unlink()
    for name in ("clusters.csv", "embeddings.npz", "results.json"):
        (run.parent / "again/eval" / name).replace(run / "eval" / name)


def test_another_evaluation_with_other_numbers_keeps_the_corrections(irl_inr, run, corrections):
    irl_inr("curate", "--workdir", run, corrections)
    before = load_evaluation(run)
    evaluate_again(run, {0: 2, 1: 0, 2: 1, -1: -1})
    after = load_evaluation(run)
    assert after.cluster_names["kmeans"] == {2: "ring", 3: "scratch"}
    pairs = set(zip(before.clusters["kmeans"].tolist(), after.clusters["kmeans"].tolist(), strict=True))
    assert pairs == {(0, 2), (1, 0), (2, 1), (3, 3), (-1, -1)}
    assert irl_inr("curate", "--workdir", run, "--undo").status == 0
    assert load_evaluation(run).clusters["kmeans"].tolist() == load_uncorrected(run).clusters["kmeans"].tolist()


def test_clusters_that_are_gone_are_refused_by_outputs_and_dropped_by_restore(irl_inr, refused, run, corrections):
    irl_inr("curate", "--workdir", run, corrections)
    evaluate_again(run, {0: 0, 1: 0, 2: 0, -1: 1})
    refused(["export", "--workdir", run, "--to", "csv"], ["by kmeans that were corrected", "--restore 0"])
    assert irl_inr("curate", "--workdir", run, "--clusterer", "kmeans", "--restore", "0").status == 0
    assert irl_inr("export", "--workdir", run, "--to", "csv").status == 0


def test_an_evaluation_goes_on_without_corrections_that_no_longer_match(run, monkeypatch):
    def refuse(*arguments):
        raise InputError("expected others")

    monkeypatch.setattr(evaluate_run, "curate_evaluation", refuse)
    assert evaluate_run.read_corrections_of(run, Evaluation(*[None] * 6)) == {}


@pytest.fixture
def neighbours(monkeypatch):
    """Neighbours of the twelve images, three groups of four, instead of a search."""
    found = np.array([[number // 4 * 4 + (number + step) % 4 for step in (1, 2)] for number in range(12)], np.int32)
    monkeypatch.setattr(spread_corrections, "find_neighbours", lambda *arguments: found)
    return found


def test_propagation_keeps_corrections_and_lists_the_images_to_look_at(irl_inr, run, tmp_path, neighbours):
    listed = irl_inr("curate", "--workdir", run, "--propagate")
    assert listed.status == 0 and "nothing to spread" in listed.out
    assert load_evaluation(run).cluster_names == {}
    path = tmp_path / "a.csv"
    path.write_text("id,name,junk\n00.png,ring,\n02.png,ring,\n06.png,cluster 2,\n07.png,,1\n")
    result = irl_inr("curate", "--workdir", run, path, "--propagate")
    assert result.status == 0 and "version 2 of the clusters" in result.out
    stored = load_evaluation(run)
    clusters = stored.clusters["kmeans"].tolist()
    assert clusters[:4] == [3, 3, 3, 3] and stored.cluster_names["kmeans"] == {3: "ring"}
    assert clusters[6] == 2 and clusters[7] == -1 and clusters[8:] == [2, 2, 2, 2]
    rows = read_rows(run / "eval/next_kmeans.csv")
    assert {row["id"] for row in rows} == set(NAMES) - {"00.png", "02.png", "06.png", "07.png"}
    assert {row["name"] for row in rows} == {""} and {row["expected"] for row in rows} >= {"ring", "cluster 2"}
    unfilled = irl_inr("curate", "--workdir", run, run / "eval/next_kmeans.csv")
    assert unfilled.status == 0 and "nothing to correct" in unfilled.out
    assert spread_corrections.read_next_rows(run, stored.ids, "kmeans", raw=False) == [
        NAMES.index(row["id"]) for row in rows
    ]
    irl_inr("curate", "--workdir", run, "--undo")
    assert load_evaluation(run).clusters["kmeans"].tolist() == [3, 0, 3, 0, 1, 1, 2, -1, 2, 2, 2, -1]


def test_refinement_keeps_what_was_corrected(irl_inr, run, tmp_path, neighbours, monkeypatch):
    def refine(images, scaling, shares, *, corrected, config, seed):
        assert corrected.nonzero()[0].tolist() == [0]
        return np.where(corrected[:, None], shares, np.eye(shares.shape[1])[1])

    monkeypatch.setattr(spread_corrections, "refine_clusters", refine)
    path = tmp_path / "a.csv"
    path.write_text("id,name\n00.png,ring\n")
    assert irl_inr("curate", "--workdir", run, path, "--refine").status == 0
    assert load_evaluation(run).clusters["kmeans"].tolist() == [3, *[1] * 11]
    assert "assigned by --refine" in irl_inr("curate", "--workdir", run, "--list").out


def test_corrections_during_an_evaluation_are_refused(irl_inr, refused, run, corrections):
    with lock_workdir(run, "evaluation"):
        refused(["curate", "--workdir", run, corrections], ["expected no other evaluation", "wait for it to end"])
        assert irl_inr("curate", "--workdir", run, "--list").status == 0
    assert irl_inr("curate", "--workdir", run, corrections).status == 0
