"""The images of a fit, its number of clusters, and its folder; fits themselves are in tests/test_estimator.py."""

import numpy as np
import pytest

from irl_inr_jax import IRLINR
from irl_inr_jax.types import ImageSet, InputError
from irl_inr_jax.workflows.fit_model import claim_images, make_evaluation_options, prepare_dataset
from irl_inr_jax.workflows.model_options import make_config, make_model_options
from tests.small_model import make_small_images


def options(**params):
    return make_model_options(IRLINR(**params).get_params())


def test_the_number_of_clusters_is_chosen_only_without_classes(tmp_path):
    images = make_small_images()
    config, _ = make_config(options())
    plain = prepare_dataset(config, images, options(), {})
    assert make_evaluation_options(config, plain, options(), tmp_path).num_clusters == "auto"
    assert make_evaluation_options(config, plain, options(n_clusters=4), tmp_path).num_clusters == "4"
    found = make_evaluation_options(config, plain, options(clusterer="orbit_knn"), tmp_path)
    assert found.clusterers[0] == "orbit_knn" and len(set(found.clusterers)) == len(found.clusterers)


def test_few_and_unusable_images_are_refused():
    config, _ = make_config(options())
    images = make_small_images()
    for what, words in [
        (images[:5], "at least 8 training images"),
        (images.reshape(len(images), -1), "reshape"),
        (np.where(images == 0, np.nan, images), "NaN or infinity"),
        (np.zeros((20, 8, 8)), "some variation"),
        ("/nowhere", "no such file or folder"),
    ]:
        with pytest.raises(InputError, match=words):
            prepare_dataset(config, what, options(), {})


def test_a_folder_is_for_the_images_that_it_was_made_for(tmp_path):
    config, _ = make_config(options())
    dataset = prepare_dataset(config, make_small_images(), options(), {})
    claim_images(tmp_path / "run", dataset)
    claim_images(tmp_path / "run", dataset)
    other = prepare_dataset(config, make_small_images()[:20], options(), {})
    with pytest.raises(InputError, match="found others"):
        claim_images(tmp_path / "run", other)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="another run"):
        claim_images(tmp_path, dataset)
    assert isinstance(dataset.train, ImageSet)
