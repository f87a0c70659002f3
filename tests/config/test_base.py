"""Test the keys of a configuration."""

import string

from irl_inr_jax.augment.augmentation import NAMES, NUM_OPS
from irl_inr_jax.clustering import CLUSTERERS
from irl_inr_jax.config import base, clustering_keys
from irl_inr_jax.config.checks import (
    HYPERNETWORK_METHODS,
    PAIR_METHODS,
    RAW_INPUT_METHODS,
    TRAINING_FREE,
    flatten_keys,
)
from irl_inr_jax.config.rules import find_fault
from irl_inr_jax.config.storage import flatten
from irl_inr_jax.data.resize import METHODS as RESAMPLINGS
from irl_inr_jax.methods import METHODS
from irl_inr_jax.models import inr, spatial_generator
from irl_inr_jax.models.resnet import STEMS

KEYS = flatten_keys(base.list_keys())


def test_the_choices_of_a_key_are_those_that_its_module_knows():
    registries = {
        "method": METHODS,
        "data.resampling": RESAMPLINGS,
        "model.encoder.stem": STEMS,
        "model.inr.activation": inr.ACTIVATIONS,
        "model.spatial.activation": spatial_generator.ACTIVATIONS,
        "simclr.augment": NAMES,
        "clustering.iic.augment": NAMES,
        "clustering.scan.augment": NAMES,
    }
    for name, registry in registries.items():
        assert set(KEYS[name].rule.choices) == set(registry), name
    assert set(clustering_keys.CLUSTERERS) == set(CLUSTERERS)
    groups = (*TRAINING_FREE, *RAW_INPUT_METHODS, *HYPERNETWORK_METHODS, *PAIR_METHODS)
    assert set(groups) <= set(METHODS)
    rule = KEYS["augment.num_ops"].rule
    assert rule.is_valid(NUM_OPS) and not rule.is_valid(NUM_OPS + 1)


def test_every_default_is_valid_and_every_key_documented():
    for name, key in KEYS.items():
        assert not find_fault(key, key.default), name
        assert len(key.doc) > 5 and key.doc.strip(string.whitespace + ".") == key.doc, name


def test_the_configuration_has_the_defaults_and_is_locked():
    config = base.get_config()
    assert flatten(config) == {name: key.default for name, key in KEYS.items()}
    assert config.is_locked and config.model.encoder.is_locked
