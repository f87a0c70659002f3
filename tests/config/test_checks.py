"""Configurations: the checks before a run, and the one that a workdir keeps."""

import json
from pathlib import Path

import pytest
from ml_collections import ConfigDict

import irl_inr_jax
from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.config.storage import claim_workdir, complete_config, flatten, from_json, to_json
from irl_inr_jax.types import InputError


def changed(**values):
    config = base.get_config()
    config.update_from_flattened_dict({key.replace("__", "."): value for key, value in values.items()})
    return config


def test_the_base_passes_its_own_check():
    check_config(base.get_config(), base.get_config())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "irl"}, r"expected config.method among irl_inr, thesis, .*orbit_knn, found 'irl'"),
        ({"model__pose__form": "c21"}, r"config.model.pose.form among closed_form, moment, centre"),
        ({"model__group_conv__num_rotations": 5}, r"config.model.group_conv.num_rotations among 4, 8, 16, found 5"),
        ({"model__spatial__activation": "relu"}, r"config.model.spatial.activation among leaky_relu, tanh"),
        ({"loss__views": "triple"}, r"config.loss.views among pair, copies, found 'triple'"),
        ({"model__group_conv__stride": 0}, r"config.model.group_conv.stride of at least 1, found 0"),
        ({"model__encoder__stem": "5x5"}, r"config.model.encoder.stem among 3x3, 3x3/2, 7x7"),
        ({"train__batch_size": 0}, r"config.train.batch_size of at least 1, found 0"),
        ({"train__learning_rate": -1.0}, r"config.train.learning_rate of at least 0, found -1.0"),
        ({"data__test_fraction": 1.0}, r"config.data.test_fraction between 0 and 1, found 1.0"),
        ({"clustering__scan__distance": "l1"}, r"config.clustering.scan.distance among euclidean, cosine, found 'l1'"),
        ({"clustering__scan__average_decay": 1.0}, r"config.clustering.scan.average_decay between 0 and 1, found 1.0"),
        ({"clustering__dec__alpha": 0.0}, r"config.clustering.dec.alpha above 0, found 0.0"),
        ({"vae__theta_std": 0.0}, r"config.vae.theta_std above 0, found 0.0"),
        ({"vae__tau_std": 0.0}, r"config.vae.tau_std above 0, found 0.0"),
        ({"vae__temperature": 0.0}, r"config.vae.temperature above 0, found 0.0"),
        ({"simclr__temperature": 0.0}, r"config.simclr.temperature above 0, found 0.0"),
        ({"simclr__augment": "s1+s3"}, r"augmentations among s1, s2, r, t joined by \+, or none, found 's3'"),
        ({"clustering__hdbscan__min_cluster_size": 1}, r"min_cluster_size of 0 or at least 2, found 1"),
        ({"augment__crop_area": (0.5,)}, r"crop_area as \(least, greatest\) share .* found \(0.5,\)"),
        ({"augment__crop_area": (0.9, 0.5)}, r"crop_area as \(least, greatest\) share"),
        ({"clustering__iic__augment": "s1+x"}, r"augmentations among s1, s2, r, t joined by \+, or none, found 'x'"),
        ({"model__pose__form": "moment"}, r"closed_form with config.model.encoder.input=canonical, found moment"),
        ({"loss__cross": 0.0, "loss__recon": 0.0, "loss__consistency": 0.0}, r"config.loss.consistency above 0"),
    ],
)
def test_what_cannot_run_is_named(values, message):
    with pytest.raises(InputError, match=message):
        check_config(changed(**values), base.get_config())


@pytest.mark.parametrize("method", ["spatial_vae", "target_vae", "simclr"])
def test_methods_that_see_the_bare_image_name_the_variant_that_has_it_so(method):
    message = rf"encoder.input=raw with config.method={method}, found canonical; .*configs/mnist_u.py:{method}$"
    with pytest.raises(InputError, match=message):
        check_config(changed(method=method), base.get_config())
    check_config(changed(method=method, model__encoder__input="raw"), base.get_config())


def test_an_unknown_key_names_the_nearest_and_a_missing_one_itself():
    config = ConfigDict(base.get_config().to_dict())
    config.train.batchsize = 3
    with pytest.raises(InputError, match=r"found config.train.batchsize; the nearest is config.train.batch_size"):
        check_config(config, base.get_config())
    config = ConfigDict(base.get_config().to_dict())
    del config.train["batch_size"]
    with pytest.raises(InputError, match=r"expected config.train.batch_size in the configuration"):
        check_config(config, base.get_config())


def test_an_older_runs_configuration_gets_the_keys_of_evaluation_it_lacks_and_no_other():
    older = ConfigDict(base.get_config().to_dict())
    del older["clustering"], older["evaluation"]["max_clusters"], older["train"]["b1"]
    older.evaluation.num_clusters = 7
    older.lock()
    complete_config(older, base.get_config())
    assert flatten(older.clustering) == flatten(base.get_config().clustering)
    assert (older.evaluation.max_clusters, older.evaluation.num_clusters) == (20, 7)
    with pytest.raises(InputError, match=r"expected config\.train\.b1 in the configuration, found none"):
        check_config(older, base.get_config())


def test_an_older_runs_configuration_gets_the_blocks_of_methods_that_came_later():
    """Its own settings stay, and it can run."""
    older = changed(model__pose__num_turns=7, loss__cross=0.5)
    with older.unlocked():
        del older["vae"], older["simclr"], older.model["spatial"], older.model["group_conv"], older.loss["views"]
    complete_config(older, base.get_config())
    check_config(older, base.get_config())
    assert flatten(older) == flatten(changed(model__pose__num_turns=7, loss__cross=0.5))


def test_an_older_run_keeps_the_pixels_it_learnt_from():
    older = changed(data__canvas=40)
    with older.unlocked():
        for key in ("background", "scaling", "crop", "resize"):
            del older.data[key]
    complete_config(older, base.get_config())
    assert (older.data.background, older.data.scaling) == ("0", "type")
    assert (older.data.crop, older.data.resize, older.data.canvas) == ("none", 0, 40)


def test_a_workdir_takes_new_settings_of_evaluation_for_the_same_training(tmp_path):
    claim_workdir(tmp_path, changed(), base.get_config())
    claim_workdir(tmp_path, changed(clustering__scan__num_epochs=3), base.get_config())
    assert from_json(tmp_path / "config.json").clustering.scan.num_epochs == 3


def test_a_continued_simclr_run_with_other_augmentations_is_refused(tmp_path):
    claim_workdir(tmp_path, changed(method="simclr"), base.get_config())
    with pytest.raises(InputError, match=r"config\.augment\.jitter is 0\.4 there and 0\.8 here"):
        claim_workdir(tmp_path, changed(method="simclr", augment__jitter=0.8), base.get_config())


def test_no_method_reads_the_settings_of_clustering():
    for path in (Path(irl_inr_jax.__file__).parent / "methods").glob("*.py"):
        assert "config.clustering" not in path.read_text(), path


def test_a_configuration_survives_its_file(tmp_path):
    config = changed(data__exclude_classes=(9, 4), train__learning_rate=3e-4, data__path="a b/ü")
    (tmp_path / "config.json").write_text(to_json(config))
    assert flatten(from_json(tmp_path / "config.json")) == flatten(config)


def test_a_workdir_is_claimed_once_and_for_one_configuration(tmp_path):
    workdir = tmp_path / "new" / "run"
    claim_workdir(workdir, base.get_config(), base.get_config())
    kept = (workdir / "config.json").read_bytes()
    claim_workdir(workdir, base.get_config(), base.get_config())
    with pytest.raises(InputError, match=r"config.model.latent_dim is 16 there and 7 here .* choose another --workdir"):
        claim_workdir(workdir, changed(model__latent_dim=7), base.get_config())
    assert (workdir / "config.json").read_bytes() == kept


def test_a_workdir_that_is_a_file_or_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected --workdir to name a folder"):
        claim_workdir(tmp_path / "file", base.get_config(), base.get_config())
    with pytest.raises(InputError, match=r"expected --workdir .* to be writable"):
        claim_workdir(tmp_path / "file" / "below", base.get_config(), base.get_config())


def test_a_missing_or_foreign_config_json_is_an_error(tmp_path):
    with pytest.raises(InputError, match="found none; train one first"):
        from_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="found something else"):
        from_json(tmp_path / "config.json")


def test_a_process_that_comes_after_must_find_what_the_first_has_written(tmp_path):
    workdir = tmp_path / "run"
    with pytest.raises(InputError, match=r"on a file system that all processes share, found no config.json of process"):
        claim_workdir(workdir, base.get_config(), base.get_config(), writes=False)
    assert not workdir.exists()
    claim_workdir(workdir, base.get_config(), base.get_config())
    claim_workdir(workdir, base.get_config(), base.get_config(), writes=False)


def test_a_run_begun_before_a_key_was_there_goes_on_with_what_it_did(tmp_path):
    claim_workdir(tmp_path, base.get_config(), base.get_config())
    path = tmp_path / "config.json"
    older = json.loads(path.read_text())
    del older["speed"], older["model"]["encoder"]["num_calls"], older["model"]["hypernet"]["num_shards"]
    path.write_text(json.dumps(older))
    claim_workdir(tmp_path, base.get_config(), base.get_config())
    with pytest.raises(InputError, match="num_calls is 1 there and 2 here"):
        claim_workdir(tmp_path, changed(model__encoder__num_calls=2), base.get_config())
