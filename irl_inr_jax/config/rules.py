"""Keys of a configuration: a default, the values that are valid, and a line of documentation."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """Valid values of a key.

    expected: the words after "expected config.KEY" in the message about another value. choices: the valid values, where
    they can be listed.
    """

    expected: str
    is_valid: Callable[[Any], bool]
    choices: tuple = ()


class Key(NamedTuple):
    """One key of the configuration."""

    default: Any
    rule: Rule
    doc: str


Block = dict[str, "Key | Block"]
MAX_INTEGER = 2**63 - 1


ANY = Rule("", lambda value: True)
POSITIVE = Rule("above 0", lambda value: value > 0)
SHARE = Rule("between 0 and 1", lambda value: 0 <= value <= 1)
OPEN_SHARE = Rule("above 0 and below 1", lambda value: 0 < value < 1)
SHARE_BELOW_ONE = Rule("of at least 0 and below 1", lambda value: 0 <= value < 1)
WIDTHS = Rule("as a tuple of integers of at least 1", lambda value: all(_is_integer(x) and x >= 1 for x in value))
COUNTS = Rule("as a tuple of integers of at least 0", lambda value: all(_is_integer(x) and x >= 0 for x in value))
POSITIVE_COUNTS = Rule(
    "as a tuple of one or more integers of at least 1",
    lambda value: len(value) > 0 and all(_is_integer(x) and x >= 1 for x in value),
)
BOXES = Rule(
    "as (top, bottom, left, right) of one or more boxes of pixels, or ()",
    lambda value: (
        len(value) % 4 == 0
        and all(_is_integer(x) and x >= 0 for x in value)
        and all(value[i] <= value[i + 1] for i in range(0, len(value), 2))
    ),
)
LENGTHS = Rule(
    "as a tuple of one or more numbers above 0",
    lambda value: len(value) > 0 and all(_is_integer(x) or isinstance(x, float) for x in value) and min(value) > 0,
)
RELATIVE_SIZES = Rule(
    "as () or a tuple of numbers above 0",
    lambda value: all((_is_integer(x) or isinstance(x, float)) and x > 0 for x in value),
)
SIDE_OR_ZERO = Rule("between 0 and 4096", lambda value: 0 <= value <= 4096)
LENGTH_PAIR = Rule("as a tuple of two numbers above 0", lambda value: len(value) == 2 and LENGTHS.is_valid(value))
COLUMN_NAMES = Rule(
    "as four names of columns: wafer, x, y, bin",
    lambda value: len(value) == 4 and all(isinstance(x, str) and x for x in value),
)
RAMP = Rule(
    "as (first, last) share of the run, between 0 and 1",
    lambda value: len(value) == 2 and 0 <= value[0] <= value[1] <= 1,
)
AREA = Rule(
    "as (least, greatest) share of the image, above 0 and at most 1",
    lambda value: len(value) == 2 and 0 < value[0] <= value[1] <= 1,
)


def at_least(least: int) -> Rule:
    """Numbers from `least`."""
    return Rule(f"of at least {least}", lambda value: value >= least)


def between(least: int, greatest: int) -> Rule:
    """Numbers from `least` to `greatest`."""
    return Rule(f"between {least} and {greatest}", lambda value: least <= value <= greatest)


def multiple_of(unit: int) -> Rule:
    """Multiples of `unit` from `unit`."""
    return Rule(f"as a multiple of {unit}", lambda value: value >= unit and value % unit == 0)


def zero_or_at_least(least: int) -> Rule:
    """Numbers from `least`, and 0, which selects a default."""
    return Rule(f"of 0 or at least {least}", lambda value: value == 0 or value >= least)


def one_of(*choices: str | int) -> Rule:
    """The `choices` alone."""
    return Rule(f"among {', '.join(map(str, choices))}", lambda value: value in choices, choices)


def several_of(*choices: str) -> Rule:
    """Tuples of the `choices`, and ("all",)."""
    return Rule(
        f"as ('all',) or a tuple of names among {', '.join(choices)}",
        lambda value: tuple(value) == ("all",) or all(name in choices for name in value),
    )


def joined(*choices: str) -> Rule:
    """Any of the `choices` joined by +, or none."""
    return Rule(
        f"among {', '.join(choices)} joined by +, or none",
        lambda value: value.lower() in ("", "none") or set(value.lower().split("+")) <= set(choices),
        choices,
    )


AUGMENTATIONS = joined("s1", "s2", "r", "t")


def number_or(*choices: str) -> Rule:
    """The `choices`, or a number written as text."""
    return Rule(f"among {', '.join(choices)}, or a number", lambda value: value in choices or _is_number(value))


SIZES = Rule(
    "among none, uniform, damped, or as shares above 0 joined by commas",
    lambda value: value in ("none", "uniform", "damped") or all(_is_positive(share) for share in value.split(",")),
    ("none", "uniform", "damped"),
)


def find_fault(key: Key, value: Any) -> str:
    """Return what was expected of `value` if it is not valid for `key`, or ''."""
    kind = type(key.default)
    numbers = value if isinstance(value, tuple | list) else (value,)
    if any(_is_integer(number) and abs(number) > MAX_INTEGER for number in numbers):
        return "below 2^63"  # larger integers do not fit int64
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is tuple and isinstance(value, list):
        value = tuple(value)
    if type(value) is not kind:
        return f"of type {kind.__name__}"
    numbers = value if isinstance(value, tuple) else (value,)
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        return "to be finite"
    # A rule may compare or count elements that have another type than it expects.
    try:
        is_valid = key.rule.is_valid(value)
    except (TypeError, AttributeError, ValueError):
        is_valid = False
    return "" if is_valid else key.rule.expected


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive(text: str) -> bool:
    return _is_number(text) and float(text) > 0


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
