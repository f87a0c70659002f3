import numpy as np
import pytest

from irl_inr_jax.clustering import check_clusterable
from irl_inr_jax.types import InputError

LATENTS = np.arange(10.0).reshape(5, 2)


def refuse(latents, num_clusters):
    with pytest.raises(InputError) as caught:
        check_clusterable(latents, num_clusters)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_numbers_from_one_cluster_to_one_per_image_are_accepted():
    for num_clusters in range(1, 6):
        check_clusterable(LATENTS, num_clusters)


@pytest.mark.parametrize("num_clusters", [0, -3])
def test_fewer_than_one_cluster_is_refused(num_clusters):
    assert f"expected at least 1 cluster, found {num_clusters}; set" in refuse(LATENTS, num_clusters)


def test_more_clusters_than_images_are_refused():
    assert "as many clusters as images (5), found 6; set a smaller num_clusters" in refuse(LATENTS, 6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_latents_that_are_not_finite_are_refused(bad):
    latents = LATENTS.copy()
    latents[[1, 3], 0] = bad
    assert "expected finite latents, found NaN or infinity in 2 of 5 rows; the training" in refuse(latents, 2)


def test_equal_latents_are_accepted_for_one_cluster_only():
    equal = np.full((4, 3), 0.7, np.float32)
    assert "expected latents that differ, found 4 equal rows; the encoder has collapsed" in refuse(equal, 2)
    check_clusterable(equal, 1)
