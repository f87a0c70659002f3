"""The estimator under the checks of scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks

from irl_inr_jax import IRLINR
from tests.small_model import make_small_config, make_small_images

# Checks of scikit-learn that fit nothing. `check_estimator` itself runs one of them, as it has no data of images.
CHECKS = (
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)
# Checks that fit rows of numbers, here with images in their place. The others do not make sense for images: they give
# sparse matrices, data frames, single rows, strings, complex numbers or one feature (refused, as no images), count the
# features of a row (n_features_in_, get_feature_names_out, set_output), give weights or classes, or require float64 to
# come back.
FIT_CHECKS = (
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_estimators_unfitted",
    "check_f_contiguous_array_estimator",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_pipeline_consistency",
    "check_readonly_memmap_input",
)


@pytest.mark.parametrize("name", CHECKS)
def test_checks_of_scikit_learn_that_fit_nothing(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(estimator_checks, name)("IRLINR", IRLINR())


def test_check_estimator_passes_and_says_that_it_has_no_images():
    with pytest.warns(SkipTestWarning, match="requires input"):
        results = estimator_checks.check_estimator(IRLINR(), on_fail=None)
    assert {result["status"] for result in results} == {"passed"}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIT_CHECKS)
def test_checks_of_scikit_learn_that_fit(name, monkeypatch):
    images = make_small_images().astype(np.float64)
    monkeypatch.setattr(estimator_checks, "_enforce_estimator_tags_X", lambda estimator, X, **known: images)
    config = make_small_config(num_epochs=1)
    config.evaluation.clusterers = ("kmeans",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(estimator_checks, name)("IRLINR", IRLINR(3, config=config, verbose=False))
