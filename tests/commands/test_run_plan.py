"""Test the request and the plan of `irl-inr run`."""

import json

import pytest

from irl_inr_jax.commands.run_plan import (
    Plan,
    check_outside,
    list_overrides,
    make_request,
    read_plan,
    write_plan,
)
from irl_inr_jax.types import InputError


def request(**changes):
    options = {"path": "in", "preset": None, "overrides": {}, "num_clusters": "", "budget": None}
    return make_request(**(options | changes))


def test_a_plan_is_read_back_for_the_same_request(tmp_path, monkeypatch):
    wanted = request(overrides={"train.batch_size": 8, "model.inr.widths": (4, 4), "data.path": "in"})
    assert wanted["--config.model.inr.widths"] == [4, 4] and "--config.data.path" not in wanted
    assert read_plan(tmp_path / "new", wanted) is None
    plan = Plan(wanted, 12, [8, 8, 1], "ab", {"train.num_epochs": 3}, "12 images")
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path, wanted) == plan
    # The same folder by another name is the same request.
    there = tmp_path / "here"
    there.mkdir()
    monkeypatch.chdir(there)
    assert request(path="in") == request(path=str(there / "in"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "tiny"}, r"has no --config, found --config tiny; choose another --out"),
        ({"path": "/other"}, r"found path /other"),
        ({"overrides": {"seed": 2}}, r"has --config.seed 1, found --config.seed 2"),
        ({"overrides": {}}, r"has --config.seed 1, found no --config.seed"),
    ],
)
def test_another_request_is_refused_and_named(tmp_path, changes, message):
    write_plan(tmp_path, Plan(request(overrides={"seed": 1}), 12, [8, 8, 1], "ab", {}, ""))
    kept = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(InputError, match=message):
        read_plan(tmp_path, request(**({"overrides": {"seed": 1}} | changes)))
    assert (tmp_path / "plan.json").read_bytes() == kept


def test_a_damaged_plan_and_a_folder_of_another_command_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="found a run of irl-inr train"):
        read_plan(tmp_path, request())
    for text in ("[", json.dumps({"request": {}})):
        (tmp_path / "plan.json").write_text(text)
        with pytest.raises(InputError, match=r"expected a plan of irl-inr run in .*plan.json"):
            read_plan(tmp_path, request())
    with pytest.raises(InputError, match="expected --out to name a folder"):
        read_plan(tmp_path / "config.json", request())


def test_overrides_are_the_keys_that_flags_set():
    arguments = ["--config=images", "--config.data.path=x", "--config.train.batch_size=3", "--out=y"]
    assert list_overrides(arguments) == ["data.path", "train.batch_size"]


@pytest.mark.parametrize("changes", [{"num_clusters": "7"}, {"budget": 5.0}])
def test_a_longer_training_and_another_clustering_go_on_with_the_plan(tmp_path, changes):
    plan = Plan(request(), 12, [8, 8, 1], "ab", {}, "")
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path, request(**changes)) == plan


@pytest.mark.parametrize("path", ["in", "in/**/*.png", "in/*/x?.png"])
def test_results_within_the_images_are_refused(tmp_path, monkeypatch, path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for out in ("in", "in/results", "in/../in/a"):
        with pytest.raises(InputError, match="outside the folder of the images"):
            check_outside(tmp_path / out, path)
    check_outside(tmp_path / "in2", path)
    check_outside(tmp_path / "in" / "results", "in/stack.npy")
