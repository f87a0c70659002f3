"""The settings of --set for curves: equal runs have equal settings, and others are refused."""

import pytest

from irl_inr_jax.types import InputError
from papers.curve_settings import resolve_assignments
from papers.curves import CURVES
from papers.runner import Workspace


def resolve(tmp_path, *assignments, name="simclr", with_final=False):
    return resolve_assignments(Workspace(tmp_path, "/data", "long"), CURVES[name], assignments, with_final=with_final)


def test_settings_have_the_types_of_the_configuration_and_an_order(tmp_path):
    trained, later = resolve(tmp_path, "train.learning_rate=1", "seed=4", "config.data.seed=4")
    assert trained == (("data.seed", 4), ("seed", 4), ("train.learning_rate", 1.0)) and later == ()
    assert str(dict(trained)["train.learning_rate"]) == "1.0"
    assert resolve(tmp_path, "data.seed=4", "train.learning_rate=1.0", "seed=3", "seed=4")[0] == trained
    assert resolve(tmp_path, "seed=0", "data.num_test=2000") == ((), ())  # as without --set


def test_settings_that_only_evaluations_read_are_of_the_final_measurement(tmp_path):
    trained, later = resolve(tmp_path, "clustering.scan.num_epochs=3", "seed=4", with_final=True)
    assert trained == (("seed", 4),) and later == (("clustering.scan.num_epochs", 3),)


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (["loss.symmetry"], "expected --set KEY=VALUE"),
        (["loss.symetry=1.0"], "found loss.symetry; the nearest is loss.symmetry"),
        (["data.num_train=abc"], "expected a value of type int for --set data.num_train, found 'abc'"),
        (["train.batch_size=0"], "expected config.train.batch_size"),
        (["train.num_epochs=0"], "expected --num_epochs, which sets train.num_epochs"),
        (["data.root=/other"], "expected --root, which sets data.root"),
        (["clustering.scan.num_epochs=3"], "expected --final with --set clustering.scan.num_epochs"),
    ],
)
def test_invalid_settings_and_settings_without_effect_are_refused(tmp_path, assignments, expected):
    with pytest.raises(InputError) as error:
        resolve(tmp_path, *assignments)
    assert expected in str(error.value)


def test_a_setting_of_a_clusterer_that_the_final_measurement_does_not_run_is_refused(tmp_path):
    for name, measured, other in (("simclr", "scan", "dec"), ("thesis", "dec", "scan")):
        key = "clustering.{}.num_epochs=3"
        assert resolve(tmp_path, key.format(measured), name=name, with_final=True)[1]
        for with_final in (True, False):
            with pytest.raises(InputError, match=rf"a setting of {measured}, .* found --set clustering\.{other}"):
                resolve(tmp_path, key.format(other), name=name, with_final=with_final)


def test_settings_of_evaluations_are_refused_for_a_curve_without_a_final_cell(tmp_path):
    with pytest.raises(InputError, match="curve spatial_vae, which has no final measurement, found --set clustering"):
        resolve(tmp_path, "clustering.scan.num_epochs=3", name="spatial_vae")


def test_final_is_refused_for_a_curve_without_a_final_cell(tmp_path):
    resolve(tmp_path, name="spatial_vae")
    with pytest.raises(InputError, match=r"expected a curve among thesis, .*ours with --final, found spatial_vae"):
        resolve(tmp_path, name="spatial_vae", with_final=True)
