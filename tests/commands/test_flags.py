"""Settings and flags as people write them."""

import pytest

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.config import base
from irl_inr_jax.config.storage import AFTER_TRAINING
from irl_inr_jax.types import InputError


def test_settings_are_read_as_the_type_they_have():
    config = base.get_config()
    override_config(
        config,
        [
            "clustering.scan.num_epochs=7",
            "config.clustering.scan.learning_rate=1",
            "clustering.scan.augment=s1+r",
            "clustering.scan.prior=(1.0, 2.0)",
            "clustering.scan.selflabel_epochs=0",
            "evaluation.max_clusters=5",
        ],
        blocks=AFTER_TRAINING,
    )
    scan = config.clustering.scan
    assert (scan.num_epochs, scan.learning_rate, scan.augment, tuple(scan.prior)) == (7, 1.0, "s1+r", (1.0, 2.0))
    assert (
        isinstance(scan.learning_rate, float) and scan.selflabel_epochs == 0 and config.evaluation.max_clusters == 5
    )


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "clustering.scan.num_epoch=3",
            r"after --set, found clustering\.scan\.num_epoch; the nearest is .*num_epochs$",
        ),
        ("clustering.scan.num_epochs", r"expected --set KEY=VALUE .* found 'clustering\.scan\.num_epochs'"),
        ("train.batch_size=3", r"a key of evaluation or clustering .* found 'train\.batch_size=3'"),
        ("clustering.scan.num_epochs=2.5", r"a value of type int for --set clustering\.scan\.num_epochs, found '2\.5'"),
        ("clustering.scan.num_epochs=True", r"a value of type int"),
        ("clustering.scan.learning_rate=fast", r"a value of type float"),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_changes(assignment, message):
    config = base.get_config()
    with pytest.raises(InputError, match=message):
        override_config(config, [assignment], blocks=AFTER_TRAINING)
    assert config.to_dict() == base.get_config().to_dict()
