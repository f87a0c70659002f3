"""Plain-text tables for the terminal and the log."""

import math
from collections.abc import Mapping, Sequence

MISSING = "–"


def format_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return an aligned table: a header, a rule and one line per row. No rows give the empty string.

    Columns appear in the order of their first occurrence in the rows. Floats get two decimals; missing values, None and
    NaN are shown as –. Columns of numbers, including formatted ones such as "90.4 %", are aligned right, others left.
    """
    if not rows:
        return ""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_format_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    to_right = [all(_is_number(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [columns, ["─" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in lines
    )


def _format_cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _is_number(cell: str) -> bool:
    return cell == MISSING or cell.lstrip("+-−")[:1].isdigit() or cell in ("inf", "-inf")
