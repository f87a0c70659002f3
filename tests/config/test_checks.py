"""Test the checks of a configuration."""

from pathlib import Path

import pytest
from ml_collections import ConfigDict

import irl_inr_jax
from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.types import InputError


def changed(**values):
    config = base.get_config()
    config.update_from_flattened_dict({key.replace("__", "."): value for key, value in values.items()})
    return config


def test_the_defaults_are_valid():
    check_config(base.get_config())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "irl"}, r"expected config.method among irl_inr, thesis, .*wafer_features, found 'irl'"),
        ({"model__pose__form": "c21"}, r"config.model.pose.form among closed_form, moment, centre"),
        ({"model__group_conv__num_rotations": 5}, r"config.model.group_conv.num_rotations among 4, 8, 16, found 5"),
        ({"model__spatial__activation": "relu"}, r"config.model.spatial.activation among leaky_relu, tanh"),
        ({"loss__views": "triple"}, r"config.loss.views among pair, copies, found 'triple'"),
        ({"model__group_conv__stride": 0}, r"config.model.group_conv.stride of at least 1, found 0"),
        ({"model__encoder__stem": "5x5"}, r"config.model.encoder.stem among 3x3, 3x3/2, 7x7"),
        ({"train__batch_size": 0}, r"config.train.batch_size of at least 1, found 0"),
        ({"train__learning_rate": -1.0}, r"config.train.learning_rate of at least 0, found -1.0"),
        ({"data__test_fraction": 1.0}, r"config.data.test_fraction of at least 0 and below 1, found 1.0"),
        ({"clustering__scan__distance": "l1"}, r"config.clustering.scan.distance among euclidean, cosine, found 'l1'"),
        ({"clustering__scan__average_decay": 1.0}, "average_decay of at least 0 and below 1, found 1.0"),
        ({"clustering__dec__alpha": 0.0}, r"config.clustering.dec.alpha above 0, found 0.0"),
        ({"vae__theta_std": 0.0}, r"config.vae.theta_std above 0, found 0.0"),
        ({"vae__tau_std": 0.0}, r"config.vae.tau_std above 0, found 0.0"),
        ({"vae__temperature": 0.0}, r"config.vae.temperature above 0, found 0.0"),
        ({"simclr__temperature": 0.0}, r"config.simclr.temperature above 0, found 0.0"),
        (
            {"simclr__augment": "s1+s3"},
            r"simclr.augment among s1, s2, r, t joined by \+, or none, found 's1\+s3'",
        ),
        ({"clustering__hdbscan__min_cluster_size": 1}, r"min_cluster_size of 0 or at least 2, found 1"),
        ({"augment__crop_area": (0.5,)}, r"crop_area as \(least, greatest\) share .* found \(0.5,\)"),
        ({"augment__crop_area": (0.9, 0.5)}, r"crop_area as \(least, greatest\) share"),
        (
            {"clustering__iic__augment": "s1+x"},
            r"iic.augment among s1, s2, r, t joined by .*, found 's1\+x'",
        ),
        ({"model__pose__form": "moment"}, r"closed_form with config.model.encoder.input=canonical, found moment"),
        ({"train__learning_rate": float("nan")}, r"config.train.learning_rate to be finite, found nan"),
        (
            {"clustering__scan__prior": (1.0, float("inf"))},
            r"scan.prior to be finite, found \(1.0, inf",
        ),
        ({"model__hypernet__widths": (8, 0)}, r"widths as a tuple of integers of at least 1, found \(8, 0\)"),
        ({"data__background": "dark"}, r"config.data.background among auto, image, or a number, found 'dark'"),
        ({"augment__num_ops": 15}, r"config.augment.num_ops between 0 and 14, found 15"),
        ({"loss__consistency_ramp": (0.5, 0.2)}, r"config.loss.consistency_ramp as \(first, last\) share of the run"),
        ({"method": "orbit_knn"}, r"num_epochs=0 with config.method=orbit_knn, which is training-free, found 100"),
        ({"method": "wafer_features"}, r"num_epochs=0 with config.method=wafer_features, which is training-free"),
        ({"wafers__pass_level": 1.0}, r"config.wafers.pass_level above 0 and below 1, found 1.0"),
        ({"wafers__scales_px": ()}, r"config.wafers.scales_px as a tuple of one or more numbers above 0"),
        ({"clustering__consensus__num_means": ()}, r"num_means as a tuple of one or more integers of at least 1"),
        ({"loss__cross": 0.0, "loss__neighbours": 0.0}, r"config.loss.neighbours above 0"),
        (
            {"loss__neighbours": 0.1, "method": "thesis"},
            r"config.loss.neighbours=0 with config.method=thesis, found 0.1",
        ),
        (
            {"loss__neighbours": 0.1, "method": "autoencoder", "loss__views": "copies"},
            r"method=autoencoder and config.loss.views=copies, found 0.1",
        ),
        ({"loss__rotate_images": True}, r"rotate_images=False with config.method=irl_inr, found True"),
        (
            {"loss__rotate_images": True, "loss__neighbours": 0.0, "method": "autoencoder", "loss__views": "pair"},
            r"rotate_images=False with config.method=autoencoder, found True",
        ),
        (
            {"model__encoder__trunk": "polar", "model__encoder__input": "raw"},
            r"encoder.input=canonical with config.model.encoder.trunk=polar, .* found raw",
        ),
        ({"model__encoder__polar__num_angles": 30}, r"polar.num_angles as a multiple of 4, found 30"),
        ({"orbits__num_angles": 18}, r"config.orbits.num_angles as a multiple of 4, found 18"),
        ({"model__pose__reach": 0.5}, r"config.model.pose.reach=0 without a blur, found 0.5"),
        ({"clustering__consensus__num_smoothed": 31}, r"num_smoothed of at most num_neighbours=30, found 31"),
        ({"clustering__consensus__without_pattern": True}, r"orbits.distance=wafers with .*without_pattern=True"),
        (
            {
                "clustering__consensus__without_pattern": True,
                "orbits__distance": "wafers",
                "wafers__scales_px": (2.0,),
            },
            r"scales_px to begin with two increasing lengths, .* found \(2.0,\)",
        ),
        ({"wafers__num_angles": 16, "wafers__num_frequencies": 10}, r"num_frequencies of at most 9 .* found 10"),
        ({"evaluation__clusterers": ("kmeans", "kmean")}, r"clusterers as \('all',\) or .*kmeans, .*, found .*'kmean'"),
        ({"train__patience": 3}, r"config.train.holdout above 0 with config.train.patience=3"),
        ({"train__holdout": 1.0}, r"config.train.holdout of at least 0 and below 1"),
        (
            {"method": "orbit_knn", "loss__neighbours": 0.0, "train__num_epochs": 0, "train__holdout": 0.1},
            r"config.train.holdout=0 with config.train.num_epochs=0",
        ),
        ({"evaluation__clusterers": (3,)}, r"config.evaluation.clusterers as .* found \(3,\)"),
    ],
)
def test_invalid_values_are_named(values, message):
    with pytest.raises(InputError, match=message):
        check_config(changed(**values))


@pytest.mark.parametrize("method", ["spatial_vae", "target_vae", "simclr"])
def test_methods_with_raw_input_name_their_variant(method):
    message = rf"encoder.input=raw with config.method={method}, found canonical; .*--config mnist_u:{method}$"
    with pytest.raises(InputError, match=message):
        check_config(changed(method=method))
    raw = {"model__encoder__input": "raw", "model__encoder__trunk": "mlp"}
    with pytest.raises(InputError, match=rf"neighbours=0 with config.method={method}, .* set it, or"):
        check_config(changed(method=method, **raw))
    check_config(changed(method=method, loss__neighbours=0.0, **raw))


@pytest.mark.parametrize("method", ["orbit_knn", "wafer_features"])
def test_a_method_without_an_encoder_has_any_form_of_pose(method):
    untrained = {"train__num_epochs": 0, "loss__neighbours": 0.0}
    check_config(changed(method=method, model__pose__form="centre", **untrained))


def test_an_unknown_key_names_the_nearest_and_a_missing_one_itself():
    config = ConfigDict(base.get_config().to_dict())
    config.train.batchsize = 3
    with pytest.raises(InputError, match=r"found config.train.batchsize; the nearest is config.train.batch_size"):
        check_config(config)
    config = ConfigDict(base.get_config().to_dict())
    del config.train["batch_size"]
    with pytest.raises(InputError, match=r"expected config.train.batch_size in the configuration"):
        check_config(config)


def test_no_method_reads_the_settings_of_clustering():
    for path in (Path(irl_inr_jax.__file__).parent / "methods").glob("*.py"):
        assert "config.clustering" not in path.read_text(), path
