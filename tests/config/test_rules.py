"""Test the rules of single keys."""

import pytest

from irl_inr_jax.config.base import list_keys
from irl_inr_jax.config.checks import flatten_keys
from irl_inr_jax.config.rules import (
    ANY,
    AREA,
    AUGMENTATIONS,
    COUNTS,
    LENGTH_PAIR,
    LENGTHS,
    OPEN_SHARE,
    POSITIVE,
    POSITIVE_COUNTS,
    RAMP,
    SHARE,
    SHARE_BELOW_ONE,
    SIZES,
    WIDTHS,
    Key,
    at_least,
    between,
    find_fault,
    number_or,
    one_of,
    several_of,
    zero_or_at_least,
)

KEYS = flatten_keys(list_keys())
RULES = [  # rule, valid values, invalid values of the same type
    (POSITIVE, (0.1, 1e9), (0.0, -1.0)),
    (SHARE, (0.0, 0.5, 1.0), (-0.1, 1.1)),
    (SHARE_BELOW_ONE, (0.0, 0.99), (-0.1, 1.0)),
    (OPEN_SHARE, (0.1, 0.9), (0.0, 1.0)),
    (POSITIVE_COUNTS, ((1,), (40, 80)), ((), (0,), (8, 1.5), (True,))),
    (SIZES, ("none", "uniform", "damped", "0.2,0.8"), ("", "half", "0,1", "1,,2")),
    (LENGTHS, ((0.5,), (1, 2.0, 4.0)), ((), (0.0,), (1.0, -2.0), (True,), ("1",))),
    (LENGTH_PAIR, ((5.0, 0.9),), ((5.0,), (1.0, 2.0, 3.0), (5.0, 0.0))),
    (WIDTHS, ((), (1,), (256, 1)), ((0,), (8, -1), (8, 1.5), (True,))),
    (COUNTS, ((), (0, 3)), ((-1,), (1.0,))),
    (RAMP, ((0.0, 0.0), (0.2, 1.0)), ((0.5,), (0.5, 0.2), (0.0, 1.1), (-0.1, 0.5))),
    (AREA, ((0.6, 1.0), (0.3, 0.3)), ((0.0, 1.0), (0.5,), (0.9, 0.5), (0.5, 1.5))),
    (AUGMENTATIONS, ("none", "", "s1", "S1+r", "s1+s2+r+t"), ("s3", "s1+x", "s1,r")),
    (at_least(2), (2, 9), (1, -1)),
    (between(1, 3), (1, 3), (0, 4)),
    (zero_or_at_least(2), (0, 2, 9), (1, -1)),
    (one_of("a", "b"), ("a", "b"), ("c", "")),
    (several_of("a", "b"), (("a",), ("b", "a"), ("all",), ()), (("c",), ("all", "a"), (1,))),
    (number_or("auto"), ("auto", "7", "-1.5"), ("dark", "nan", "inf", "")),
]


@pytest.mark.parametrize(("rule", "valid", "invalid"), RULES, ids=lambda value: getattr(value, "expected", ""))
def test_a_rule_separates_valid_values_from_others_and_names_what_it_expects(rule, valid, invalid):
    key = Key(valid[0], rule, "for the test")
    assert [find_fault(key, value) for value in valid] == [""] * len(valid)
    assert [find_fault(key, value) for value in invalid] == [rule.expected] * len(invalid)


def test_integers_and_lists_stand_for_floats_and_tuples_and_no_other_type_does():
    assert find_fault(Key(1.0, POSITIVE, ""), 2) == "" == find_fault(Key((), WIDTHS, ""), [8, 8])
    for default, value in ((1.0, True), (1, True), (1, 1.0), (True, 1), ("a", 1), ((), 8), (1.0, "1")):
        assert find_fault(Key(default, ANY, ""), value) == f"of type {type(default).__name__}"


def test_every_choice_is_valid_and_another_value_is_not():
    for name, key in KEYS.items():
        for choice in key.rule.choices:
            assert not find_fault(key, choice), name
        if key.rule.choices:
            assert find_fault(key, "another" if isinstance(key.default, str) else 1000) == key.rule.expected, name


def test_every_float_must_be_finite():
    for name, key in KEYS.items():
        if isinstance(key.default, float):
            assert find_fault(key, float("nan")) == find_fault(key, float("inf")) == "to be finite", name


def test_elements_of_another_type_are_a_fault_and_no_crash():
    for name, key in flatten_keys(list_keys()).items():
        if isinstance(key.default, tuple) and key.rule is not ANY:
            assert find_fault(key, ({},)) == key.rule.expected, name
            assert find_fault(key, (None, None)) == key.rule.expected, name
