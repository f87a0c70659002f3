"""Test that no value of any key gives a traceback: it is valid, or one line says what was expected."""

import json
import math

import pytest
from absl import flags

from irl_inr_jax.commands.configuration import define_config, override_config
from irl_inr_jax.commands.flags import parse_arguments
from irl_inr_jax.config import base
from irl_inr_jax.config.checks import check_config, flatten_keys
from irl_inr_jax.config.rules import find_fault
from irl_inr_jax.config.storage import AFTER_TRAINING, parse_config, to_json
from irl_inr_jax.types import InputError

KEYS = flatten_keys(base.list_keys())
VALUES = [
    *(math.nan, math.inf, -math.inf, 1e23, -1e300, 10**400, -(10**20), 0, -1, 100000, 0.5, True, None),
    *("", "nan", "\x00", "\udcff", "x" * 5000, "1e999", "+", ","),
    *([], [math.nan], [1e23], [10**400], [None], [[1]], ["a", 1], [True, False], [-1] * 4, [0.5] * 2, {}, {"a": 1}),
]
TEXTS = ("nan", "-inf", "1e23", "", "(nan,)", "1e999", "(1, 'a')", "9" * 400, "[[]]", "__import__('os')", "\\x00", "'")


def outcome(check):
    """'' if `check` accepts its value, or its message in one line."""
    try:
        check()
    except InputError as error:
        message = str(error)
        assert "expected" in message and "found" in message and "\n" not in message.strip()
        return message
    return ""


def test_every_key_refuses_values_in_one_line():
    refused = 0
    for name, key in KEYS.items():
        for value in VALUES:
            message = find_fault(key, tuple(value) if isinstance(value, list) else value)
            refused += bool(message)
            assert "\n" not in message
            numbers = value if isinstance(value, list) else [value]
            if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
                assert message, (name, value)
    assert refused > 20 * len(KEYS)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20].encode("ascii", "replace").decode())
def test_a_stored_configuration_with_other_values_is_refused_in_one_line(value):
    def replace(block):
        return {name: replace(inner) if isinstance(inner, dict) else value for name, inner in block.items()}

    text = json.dumps(replace(json.loads(to_json(base.get_config()))))
    assert outcome(lambda: check_config(parse_config(text, place="config.json")))


@pytest.mark.parametrize("text", TEXTS)
def test_every_type_of_key_of_set_refuses_texts_in_one_line(text):
    of_type = {type(key.default): name for name, key in KEYS.items() if name.split(".")[0] in AFTER_TRAINING}
    assert of_type.keys() >= {int, float, str, tuple, bool}
    for name in of_type.values():
        config = base.get_config()

        def check(name=name, config=config):
            override_config(config, [f"{name}={text}"], blocks=AFTER_TRAINING)
            check_config(config)

        outcome(check)


@pytest.mark.parametrize(
    "argument",
    [
        *("--config.seed=1e23", "--config.seed=nan", "--config.data.canvas=100000", "--config.train.learning_rate=nan"),
        *("--config.train.learning_rate=1e999", "--config.model.encoder.widths=(1e23,)", "--config.data.canvas="),
        *("--workdir=", "--workdir", "--config.", "--config.=3", "--config.seed[=3", "--config.augment.area=(nan,1)"),
    ],
)
def test_flags_are_refused_in_one_line(argument):
    values = flags.FlagValues()

    def define(values, arguments):
        define_config(values, arguments)
        flags.DEFINE_string("workdir", None, "", flag_values=values)

    message = parse_arguments(values, define, ["--config", "tiny", argument])
    message = message or outcome(lambda: check_config(values["config"].value))
    assert message and "\n" not in message.strip() and "Traceback" not in message
