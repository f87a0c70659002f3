"""The answer to one question about a run."""

from typing import NamedTuple


class Finding(NamedTuple):
    """The answer to one question about a run.

    good: None where it is no judgement. text: one plain sentence, which says what to do if the answer is bad.
    """

    name: str
    good: bool | None
    text: str
