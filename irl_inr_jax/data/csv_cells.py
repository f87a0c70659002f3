"""CSV files whose cells a spreadsheet does not evaluate, and how they are read back.

A cell that begins with = + - @, a tab or a carriage return, and is not a number, is a formula in a spreadsheet: it is
written with an apostrophe before it. A cell that begins with apostrophes before such a sign gets one more, so that
every text is read back as it was.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from irl_inr_jax.config.checked_files import replace_file

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


def protect_cell(value: object) -> object:
    """Return a text that no spreadsheet evaluates; numbers, also as text, are unchanged."""
    return f"'{value}" if isinstance(value, str) and _is_formula(value) else value


def restore_cell(text: str) -> str:
    """Return the text of which `protect_cell` made `text`."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def write_csv(path: Path, columns: Mapping[str, Sequence], *, raw: bool) -> None:
    """Write the columns, each (n,), in UTF-8 and in one step. raw: write every cell as it is."""
    with replace_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in ([*columns], *zip(*columns.values(), strict=True)):
            writer.writerow(row if raw else map(protect_cell, row))


def read_csv(path: Path, *, raw: bool) -> dict[str, tuple[str, ...]]:
    """Return the columns of a file of `write_csv`, each (n,). Raises ValueError for damaged content."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file, strict=True)
        columns = zip(*rows, strict=True) if rows else [()] * len(header)
    except csv.Error as error:
        raise ValueError(str(error)) from None
    table = dict(zip(header, columns, strict=True))
    return table if raw else {restore_cell(name): tuple(map(restore_cell, cells)) for name, cells in table.items()}


def format_rows(rows: Iterable[Sequence], *, raw: bool) -> str:
    """Return rows as lines of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows if raw else (map(protect_cell, row) for row in rows))
    return text.getvalue()


def _is_formula(text: str) -> bool:
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None
