"""Damage drill: every file of a finished run that is read back, damaged 120 times; no damage gives other numbers."""

import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from irl_inr_jax.clustering.store import load_classifier
from irl_inr_jax.commands.main import main
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import flatten, from_json
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.data.description import describe_dataset, describe_image_change, sample_images
from irl_inr_jax.deployment.bundle_file import load_bundle
from irl_inr_jax.evaluation.curation_versions import load_curations
from irl_inr_jax.evaluation.stored import load_evaluation
from irl_inr_jax.training.logging import read_metrics
from irl_inr_jax.training.trained import load_trained
from irl_inr_jax.types import InputError

pytestmark = pytest.mark.slow
NUM_DAMAGES, SEED = 120, 0
KINDS = ("byte", "zeros", "cut", "deleted")
NOT_READ = {".png", ".html", ".lock"}  # and the events of TensorBoard


class Outcome(NamedTuple):
    """Result of reading a damaged run: refused in one line, equal, or declared (an older checkpoint, a shorter log)."""

    kind: str
    message: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A trained, evaluated and corrected run with a saved model, and its data set."""
    workdir = tmp_path_factory.mktemp("damages") / "run"
    keys = ("picture_every_epochs=0", "keep_checkpoints=2")
    table = workdir.parent / "corrections.csv"
    table.write_text("id,cluster,name\n,0,=first\n")
    for arguments in (
        ("train", "--config", "tiny", "--workdir", workdir, *(f"--config.train.{key}" for key in keys)),
        ("evaluate", "--workdir", workdir, "--clusterers", "kmeans", "--report", "scores"),
        ("curate", "--workdir", workdir, table),
        ("save", "--workdir", workdir, "--out", workdir / "model.irl"),
    ):
        assert main([str(argument) for argument in arguments]) == 0, arguments
    return workdir, make_dataset(from_json(workdir / "config.json").data)


def damage_file(path, kind, rng):
    content = bytearray(path.read_bytes())
    place = int(rng.integers(len(content)))
    if kind == "deleted":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(content[:place])
    else:
        changed = (
            bytes(len(content[place : place + 64])) if kind == "zeros" else bytes([content[place] ^ 1 << place % 8])
        )
        content[place : place + len(changed)] = changed
        path.write_bytes(content)


def read_file(workdir: Path, name: str, dataset) -> object:
    """Everything that the commands read of one file, as a tree of arrays and texts."""
    if name.startswith("checkpoints/"):
        trained, step = load_trained(workdir, from_json(workdir / "config.json"), dataset)
        return step, jax.device_get((trained.params, trained.model_state))
    if name == "config.json":
        config = from_json(workdir / name)
        check_config(config)
        load_trained(workdir, config, dataset)
        return {key: value for key, value in flatten(config).items() if not key.endswith(("path", "root"))}
    readers = {
        "data.json": lambda: describe_image_change(workdir, describe_dataset(dataset, sample_images(dataset))),
        "metrics.jsonl": lambda: read_metrics(workdir),
        "curation.json": lambda: repr(load_curations(workdir)),
        "model.irl": lambda: load_bundle(workdir / name).digest,
    }
    if name in readers:
        return readers[name]()
    if name.startswith("eval/clusterings/"):
        classifier = load_classifier(workdir / name)
        return None if classifier is None else (classifier.clusters, classifier.params)
    stored = load_evaluation(workdir)
    return stored.results, stored.ids, stored.embeddings.latents, stored.clusters, stored.columns, stored.cluster_names


def are_equal(first, second):
    leaves, others = (jax.tree.leaves(tree, is_leaf=lambda leaf: isinstance(leaf, str)) for tree in (first, second))
    return len(leaves) == len(others) and all(
        np.array_equal(np.asarray(leaf), np.asarray(other)) for leaf, other in zip(leaves, others, strict=True)
    )


def judge(workdir, name, dataset, expected, caplog):
    caplog.clear()
    try:
        found = read_file(workdir, name, dataset)
    except InputError as error:
        assert "\n" not in str(error) and "expected" in str(error)
        return Outcome("refused", str(error))
    if are_equal(found, expected):
        return Outcome("equal", "")
    if name.startswith("checkpoints/"):
        assert found[0] < expected[0] and "was skipped" in caplog.text
        return Outcome("declared", caplog.text)
    if name == "metrics.jsonl":  # evaluate says that the last step is missing
        assert are_equal(found, expected[: len(found)]) and len(found) < len(expected)
        return Outcome("declared", "")
    return Outcome("OTHER", f"{name}: {str(found)[:300]}")


def list_files(workdir):
    files = sorted(path.relative_to(workdir) for path in workdir.rglob("*") if path.is_file())
    return [str(path) for path in files if path.suffix not in NOT_READ and path.parts[0] != "tensorboard"]


def test_no_damage_is_a_traceback_or_gives_other_numbers(finished, tmp_path, caplog, monkeypatch):
    workdir, dataset = finished
    monkeypatch.setattr(logging.getLogger("irl_inr_jax"), "propagate", True)
    files = [name for name in list_files(workdir) if (workdir / name).stat().st_size]
    expected = {name: read_file(workdir, name, dataset) for name in files}
    rng, counts = np.random.default_rng(SEED), Counter()
    groups = {name.split("/")[0] if name.startswith("checkpoints") else name for name in files}
    order = sorted(groups)
    for number in range(NUM_DAMAGES):
        kind, group = KINDS[number // len(order) % 4], order[number % len(order)]
        name = str(rng.choice([name for name in files if name == group or name.startswith(f"{group}/")]))
        if (name, kind) == ("curation.json", "deleted"):  # documented: without the file there are no corrections
            continue
        shutil.copytree(workdir, tmp_path / "run")
        damage_file(tmp_path / "run" / name, kind, rng)
        outcome = judge(tmp_path / "run", name, dataset, expected[name], caplog)
        counts[(group, outcome.kind)] += 1
        assert outcome.kind != "OTHER", (number, kind, outcome.message)
        shutil.rmtree(tmp_path / "run")
    for (group, kind), count in sorted(counts.items()):
        print(f"{group:40} {kind:10} {count}")
    assert sum(counts.values()) >= 100
    noticed = {group for group, kind in counts if kind in ("refused", "declared")}
    assert noticed == groups - {"eval/clusters.csv"}  # it is written anew from clusters_uncorrected.csv


@pytest.mark.parametrize(
    "name", ["config.json", "eval/results.json", "eval/embeddings.npz", "eval/clusters_uncorrected.csv"]
)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_command_reports_the_damage_in_one_line(finished, tmp_path, capfd, name, kind):
    shutil.copytree(finished[0], tmp_path / "run")
    damage_file(tmp_path / "run" / name, kind, np.random.default_rng(SEED))
    capfd.readouterr()
    assert main(["export", "--workdir", str(tmp_path / "run"), "--to", "csv", "--out", str(tmp_path / "a.csv")]) == 2
    written = capfd.readouterr().err
    assert written.startswith("error: expected") and written.count("\n") == 1 and not (tmp_path / "a.csv").exists()
