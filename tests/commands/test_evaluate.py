"""Test `irl-inr evaluate`: refused inputs, and in the slow tests whole evaluations."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from irl_inr_jax.clustering import CLUSTERERS

TINY = ("train", "--config", "tiny", "--workdir")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), ("--workdir",)),
        (("--workdir", "/nowhere/at/all"), ("config.json", "train")),
        (("--workdir", "x", "--clusterers", "kmean"), ("kmean", "kmeans")),
        (("--workdir", "x", "--split", "valid"), ("valid", "train")),
        (("--workdir", "x", "--num-clusters", "0"), ("a number of at least 1, or auto", "'0'")),
    ],
)
def test_mistakes_in_flags_are_refused(refused, flags, words):
    refused(["evaluate", *flags], words)


def test_settings_of_training_cannot_be_set(refused, tmp_path):
    from irl_inr_jax.config.storage import to_json
    from irl_inr_jax.presets import tiny

    (tmp_path / "config.json").write_text(to_json(tiny.get_config()))
    refused(["evaluate", "--workdir", tmp_path, "--set", "augment.jitter=0"], ["evaluation or clustering"])


def test_clusterers_of_the_configuration_are_the_default_and_are_checked(refused, tmp_path):
    from irl_inr_jax.config.storage import to_json
    from irl_inr_jax.presets import tiny

    (tmp_path / "config.json").write_text(to_json(tiny.get_config()))
    refused(["evaluate", "--workdir", tmp_path], ["checkpoints"])
    refused(["evaluate", "--workdir", tmp_path, "--set", "evaluation.clusterers=('kmean',)"], ["kmean", "kmeans"])


def test_help_names_every_clusterer(irl_inr):
    words = irl_inr("evaluate", "--help").out.replace(",", " ").replace(".", " ").split()
    assert set(CLUSTERERS) <= set(words)


@pytest.mark.slow
def test_an_evaluation_writes_its_files(finished):
    folder = finished.workdir / "eval"
    results = json.loads((folder / "results.json").read_text())
    for name in ("pixels_kmeans", "kmeans"):
        assert {"accuracy", "nmi", "ari", "num_clusters"} <= set(results["clustering"][name])
    assert 0 <= results["clustering"]["kmeans"]["accuracy"] <= 1
    assert {"rotation_correlation", "rotation_median_error_deg", "translation_correlation"} <= set(results["pose"])
    assert set(results["reconstruction"]) == {"mse", "psnr"} and results["invariance"]["ratio"] > 0
    assert results["data"]["num_images"] == 64 and results["seconds"]["total"] > 0
    with np.load(folder / "embeddings.npz") as arrays:
        assert arrays["latents"].shape == (64, 8) and arrays["tau"].shape == (64, 2) and len(set(arrays["id"])) == 64
    for name in [
        "reconstructions",
        "canonical_views",
        "rotation",
        "confusion_kmeans",
        "latents",
        "clusters_kmeans",
        "large",
    ]:
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 300
    accuracy = f"{100 * results['clustering']['kmeans']['accuracy']:.1f} %"
    assert accuracy in finished.evaluated and "pixels" in finished.evaluated


@pytest.mark.slow
def test_clusterers_that_train_a_recommended_k_and_stored_clusterings(finished, irl_inr, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(finished.workdir, workdir)
    settings = ["scan.num_epochs=2", "scan.selflabel_epochs=1", "iic.num_epochs=1", "dec.num_epochs=2"]
    flags = [flag for setting in settings for flag in ("--set", f"clustering.{setting}")]
    names = ["scan", "iic", "dec", "dbscan", "orbit_knn"]
    command = ["evaluate", "--workdir", workdir, "--clusterers", ",".join(names), *flags]
    first = irl_inr(*command, "--seeds", "2", "--num-clusters", "auto", "--set", "evaluation.max_clusters=4")
    assert first.status == 0, first.err
    results = json.loads((workdir / "eval" / "results.json").read_text())
    assert list(results["clustering"]) == ["pixels_kmeans", *names] and "reason" in results["num_clusters"]
    scan = results["clustering"]["scan"]
    assert len(scan["seeds"]["accuracy"]["values"]) == 2 and not scan["transductive"] and "neighbour_purity" in scan
    assert not results["clustering"]["orbit_knn"]["transductive"]
    assert "±" in first.out and "inductive" in first.out
    lines = (workdir / "eval" / "clusters.csv").read_text().splitlines()
    columns = lines[0].split(",")
    assert columns[:3] == ["id", "label", "outlier_score"] and {"scan", "scan_confidence"} <= set(columns)
    assert len(lines) == 1 + results["data"]["num_images"]
    assert (workdir / "eval" / "num_clusters.png").exists() and (workdir / "eval" / "clusters_scan.png").exists()
    again = irl_inr(*command, "--num-clusters", str(results["num_clusters"]["used"]))
    assert again.out.count("from an earlier evaluation") == 6
    stored = json.loads((workdir / "eval" / "results.json").read_text())["clustering"]["scan"]
    assert stored["accuracy"] == scan["accuracy"] and stored["seconds"] > 0


@pytest.mark.slow
def test_orbit_knn_needs_no_steps(irl_inr, tmp_path):
    """From nothing to a table: no training, a checkpoint of step 0, and the clusterer of that name in it."""
    for _ in range(2):
        trained = irl_inr("train", "--config", "tiny:orbit_knn", "--workdir", tmp_path)
        assert trained.status == 0, trained.err
    assert [path.name for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()] == ["0"]
    evaluated = irl_inr("evaluate", "--workdir", tmp_path)
    assert evaluated.status == 0, evaluated.err
    results = json.loads((tmp_path / "eval" / "results.json").read_text())
    assert list(results["clustering"]) == ["pixels_kmeans", "kmeans", "agglomerative", "diffusion", "orbit_knn"]
    assert results["pose"]["rotation_correlation"] > 0.9 and "reconstruction" not in results


@pytest.mark.slow
def test_images_without_labels_are_clustered_without_label_metrics(irl_inr, tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (80, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images)
    workdir = tmp_path / "run"
    data = {"name": "images", "path": tmp_path / "mine.npz", "canvas": 0, "translation_px": 0, "test_fraction": 0}
    data |= {"num_train": 0, "num_test": 0}
    flags = [f"--config.data.{key}={value}" for key, value in data.items()]
    flags += ["--config.evaluation.num_clusters=3", "--config.train.num_epochs=1", "--config.train.batch_size=40"]
    trained = irl_inr(*TINY, workdir, *flags)
    assert trained.status == 0, trained.err
    evaluated = irl_inr("evaluate", "--workdir", workdir)
    assert evaluated.status == 0, evaluated.err
    assert "no labels: " in evaluated.out
    results = json.loads((workdir / "eval" / "results.json").read_text())
    assert "accuracy" not in results["clustering"]["agglomerative"]
    assert results["clustering"]["kmeans"]["num_clusters"] == 3 and "rotation_correlation" in results["pose"]
    with np.load(workdir / "eval" / "embeddings.npz") as arrays:
        assert "label" not in arrays


@pytest.mark.slow
def test_a_streamed_table_of_images_is_trained_on_and_its_columns_are_in_the_clusters(irl_inr, tmp_path):
    """Dark shapes on white, some without a label, one file unreadable, streamed from disk."""
    rng = np.random.default_rng(0)
    rows = ["path,label,lot"]
    for i in range(60):
        pixels = np.full((12, 16), 255, np.uint8)
        pixels[3:9, 4 : 8 + i % 3] = rng.integers(0, 120, (6, 4 + i % 3))
        Image.fromarray(pixels).save(tmp_path / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{'abc'[i % 3] if i < 50 else ''},L{i // 10}")
    (tmp_path / "07.png").write_bytes(b"")
    (tmp_path / "wafers.csv").write_text("\n".join(rows))
    workdir = tmp_path / "run"
    data = {"name": "images", "path": tmp_path / "wafers.csv", "canvas": 0, "translation_px": 0, "test_fraction": 0}
    data |= {"memory_mb": 0, "max_unreadable": 0.05, "num_train": 0, "num_test": 0}
    flags = [f"--config.data.{key}={value}" for key, value in data.items()]
    trained = irl_inr(*TINY, workdir, *flags, "--config.train.batch_size=20", "--config.train.num_epochs=1")
    assert trained.status == 0, trained.err
    (skipped,) = json.loads((workdir / "data.json").read_text())["skipped"]
    assert skipped.startswith("07.png: ") and "empty" in skipped
    assert skipped in trained.out and "streamed from disk" in trained.out
    short = [f"--set=clustering.scan.{key}=1" for key in ("num_epochs", "selflabel_epochs", "num_heads")]
    evaluated = irl_inr("evaluate", "--workdir", workdir, "--clusterers", "kmeans,scan", *short)
    assert evaluated.status == 0, evaluated.err
    results = json.loads((workdir / "eval" / "results.json").read_text())
    assert results["data"]["num_images"] == 59 and results["data"]["num_labelled"] == 49
    for name in ("pixels_kmeans", "kmeans", "scan"):
        assert 0 <= results["clustering"][name]["accuracy"] <= 1
    with (workdir / "eval" / "clusters.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["id"] for row in table][:8] == [f"{i:02d}.png" for i in (0, 1, 2, 3, 4, 5, 6, 8)]
    assert table[-1]["label"] == "" and table[-1]["lot"] == "L5" and table[0]["label"] == "a"


@pytest.mark.slow
def test_an_evaluation_in_which_every_clusterer_fails_writes_nothing(finished, refused, tmp_path):
    shutil.copytree(finished.workdir, tmp_path / "run")
    before = (tmp_path / "run" / "eval" / "results.json").read_bytes()
    flags = ["--clusterers", "kmeans", "--num-clusters", "5000", "--report", "scores"]
    refused(["evaluate", "--workdir", tmp_path / "run", *flags], ["5000"])
    assert (tmp_path / "run" / "eval" / "results.json").read_bytes() == before
