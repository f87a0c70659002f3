"""Test the configuration that a workdir stores."""

import functools
import json
from pathlib import Path

import pytest

from irl_inr_jax.config import base
from irl_inr_jax.config.storage import ADDED_KEYS, claim_workdir, flatten, from_json, to_json, with_absolute_paths
from irl_inr_jax.types import InputError


def changed(**values):
    config = base.get_config()
    config.update_from_flattened_dict({key.replace("__", "."): value for key, value in values.items()})
    return config


def test_a_workdir_accepts_new_settings_of_evaluation(tmp_path):
    claim_workdir(tmp_path, changed())
    claim_workdir(tmp_path, changed(clustering__scan__num_epochs=3))
    assert from_json(tmp_path / "config.json").clustering.scan.num_epochs == 3


def test_a_continued_simclr_run_with_other_augmentations_is_refused(tmp_path):
    claim_workdir(tmp_path, changed(method="simclr"))
    with pytest.raises(InputError, match=r"config\.augment\.jitter is 0\.4 there and 0\.8 here"):
        claim_workdir(tmp_path, changed(method="simclr", augment__jitter=0.8))


def test_a_configuration_round_trips_through_its_file(tmp_path):
    config = changed(data__exclude_classes=(9, 4), train__learning_rate=3e-4, data__path="a b/ü")
    (tmp_path / "config.json").write_text(to_json(config))
    stored = from_json(tmp_path / "config.json")
    assert flatten(stored) == flatten(with_absolute_paths(config)) == flatten(with_absolute_paths(stored))


def test_paths_of_the_data_are_stored_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = changed(data__path="lots/**/*.png", data__labels_path="~/labels.csv", data__root="gs://bucket/data")
    claim_workdir(tmp_path / "run", config)
    assert config.data.path == "lots/**/*.png"
    stored = from_json(tmp_path / "run" / "config.json").data
    assert stored.path == str(tmp_path / "lots/**/*.png") and stored.root == "gs://bucket/data"
    assert to_json(base.get_config()) == json.dumps(json.loads(base.get_config().to_json()), indent=2) + "\n"
    assert stored.labels_path == str(Path("~/labels.csv").expanduser())
    claim_workdir(tmp_path / "run", config)
    with pytest.raises(InputError, match=r"config\.data\.path is '.*\*/\*\.png' there and .*lots' here"):
        claim_workdir(tmp_path / "run", changed(**{**flatten(config), "data.path": "lots"}))
    (tmp_path / "config.json").write_text(json.dumps(json.loads(config.to_json())))  # of an earlier version
    claim_workdir(tmp_path, config)
    monkeypatch.chdir(tmp_path / "run")
    with pytest.raises(InputError, match=r"config\.data\.path is"):
        claim_workdir(tmp_path / "../" / tmp_path.name / "run", config)


def test_a_workdir_holds_one_configuration(tmp_path):
    workdir = tmp_path / "new" / "run"
    claim_workdir(workdir, base.get_config())
    kept = (workdir / "config.json").read_bytes()
    claim_workdir(workdir, base.get_config())
    with pytest.raises(InputError, match=r"config.model.latent_dim is 10 there and 7 here .* choose another --workdir"):
        claim_workdir(workdir, changed(model__latent_dim=7))
    assert (workdir / "config.json").read_bytes() == kept


def test_a_run_may_get_more_epochs_and_another_patience_but_not_fewer_epochs(tmp_path):
    assert claim_workdir(tmp_path, changed(train__num_epochs=5)) is None
    earlier = claim_workdir(tmp_path, changed(train__num_epochs=8, train__patience=3))
    assert earlier is not None and earlier.train.num_epochs == 5
    kept = (tmp_path / "config.json").read_bytes()
    assert from_json(tmp_path / "config.json").train.num_epochs == 8
    with pytest.raises(InputError, match=r"expected config.train.num_epochs of at least 8, .* found 7"):
        claim_workdir(tmp_path, changed(train__num_epochs=7))
    with pytest.raises(InputError, match=r"config.train.batch_size is 64 there and 128 here"):
        claim_workdir(tmp_path, changed(train__num_epochs=9, train__batch_size=128))
    assert (tmp_path / "config.json").read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_workdir_that_is_a_file_or_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected --workdir to name a folder"):
        claim_workdir(tmp_path / "file", base.get_config())
    with pytest.raises(InputError, match=r"expected --workdir .* to be writable"):
        claim_workdir(tmp_path / "file" / "below", base.get_config())


def test_a_missing_or_foreign_config_json_is_an_error(tmp_path):
    with pytest.raises(InputError, match="found none; train one first"):
        from_json(tmp_path / "config.json")
    for content in ("[1, 2]", "{", "3"):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(InputError, match=r"as it was written, found it edited or damaged .* restore it"):
            from_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text('{"seed": {"a": 1}, "train": 3}')
    with pytest.raises(InputError, match="found something else"):
        from_json(tmp_path / "config.json")


def test_edits_are_refused_unless_they_are_of_paths_or_without_the_checksum(tmp_path):
    path = tmp_path / "config.json"
    claim_workdir(tmp_path, changed(data__path="/before"))
    path.write_text(path.read_text().replace("/before", "/after"))
    assert from_json(path).data.path == "/after"
    path.write_text(path.read_text().replace('"max_clusters": 20', '"max_clusters": 21'))
    with pytest.raises(InputError, match=r"with --set; to accept other edits delete its line checksum"):
        from_json(path)
    path.write_text("".join(line for line in path.read_text().splitlines(True) if '"checksum"' not in line))
    assert from_json(path).evaluation.max_clusters == 21


def test_a_process_that_does_not_write_must_find_the_file(tmp_path):
    workdir = tmp_path / "run"
    with pytest.raises(InputError, match=r"on a file system that all processes share, found no config.json of process"):
        claim_workdir(workdir, base.get_config(), writes=False)
    assert not workdir.exists()
    claim_workdir(workdir, base.get_config())
    claim_workdir(workdir, base.get_config(), writes=False)


def test_a_run_of_an_earlier_version_has_the_settings_it_was_made_with(tmp_path):
    written = json.loads(to_json(base.get_config()))
    for *blocks, name in (key.split(".") for key in ADDED_KEYS):
        del functools.reduce(dict.__getitem__, blocks, written)[name]
    (tmp_path / "config.json").write_text(json.dumps(written))
    read = flatten(from_json(tmp_path / "config.json"))
    assert {key: read[key] for key in ADDED_KEYS} == ADDED_KEYS and read == flatten(
        with_absolute_paths(base.get_config())
    ) | ADDED_KEYS
