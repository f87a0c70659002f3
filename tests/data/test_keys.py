from irl_inr_jax.data.keys import is_requested


def test_a_key_is_requested_if_it_differs_from_its_default(data):
    assert not is_requested(data, "labels_key")
    data.labels_key = "y"
    assert is_requested(data, "labels_key") and not is_requested(data, "images_key")
