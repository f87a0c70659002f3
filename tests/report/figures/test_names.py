"""Names of data sets in titles."""

from irl_inr_jax.config import base
from irl_inr_jax.report.figures.names import name_data


def test_a_path_is_named_by_its_last_part_and_other_sets_by_their_name():
    data = base.get_config().data
    data.name = "mnist_u"
    assert name_data(data) == "mnist_u"
    data.path = "/a/b/lot 7/"
    assert name_data(data) == "lot 7"
    data.path = "x" * 80
    assert len(name_data(data)) == 40
