"""The text of CSV and TSV files: encodings, separators and quotation marks."""

import codecs
import re
from typing import NamedTuple

_SEPARATORS = (",", ";", "\t", "|")
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_DECLARED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # the first line of a file that Excel wrote
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_MAX_LINES = 1000  # of one cell


class TableText(NamedTuple):
    """The header of a table and its text, in which every quotation mark opens a cell, closes one or is doubled."""

    names: list[str]
    text: str
    separator: str


def read_table_text(content: bytes, separator: str) -> TableText:
    """Return the parts of a table that was written in UTF-8, UTF-16 or UTF-32.

    separator: used if the header contains it, otherwise the most frequent one of comma, semicolon, tab and bar there.
    Quotation marks enclose a cell if they are its first and last character. A cell may contain line breaks if none of
    its further lines has as many cells as the header; every other mark that is not closed is an ordinary character, so
    that no row becomes part of a cell.

    Raises ValueError for other encodings, an empty file, and marks that may enclose rows.
    """
    text = decode_table(content).lstrip("\r\n")
    declared = _DECLARED.match(text)
    if declared:
        separator, text = declared.group(1), text[declared.end() :]
    header = _LINE_BREAK.split(text, maxsplit=1)[0]
    if not header:
        raise ValueError("Empty CSV file")
    separator = separator if declared else find_separator(header, separator)
    if '"' in text:
        text = "\n".join(escape_quotes(_LINE_BREAK.split(text), separator))
    return TableText(split_row(header, separator), text, separator)


def decode_table(content: bytes) -> str:
    """Return the text without its byte order mark. Raises ValueError for another encoding than UTF-8, 16 and 32."""
    # UTF-32's mark begins with that of UTF-16.
    for mark in sorted(_BYTE_ORDER_MARKS, key=len, reverse=True):
        if content.startswith(mark):
            return content[len(mark) :].decode(_BYTE_ORDER_MARKS[mark])
    start = content[:200]
    if b"\0" in start:
        # A Latin letter in UTF-16 has a zero byte, the second one if little-endian.
        zeros = [start[parity::2].count(0) for parity in (0, 1)]
        return content.decode("utf-16-le" if zeros[1] > zeros[0] else "utf-16-be")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF8 at byte {error.start}; write it in UTF-8 or UTF-16") from None


def find_separator(header: str, expected: str) -> str:
    """Return `expected` if the header contains it outside quotation marks, otherwise its most frequent separator."""
    plain = re.sub(r'"[^"]*"', "", header)
    if expected in plain:
        return expected
    most = max(_SEPARATORS, key=plain.count)
    return most if most in plain else expected


def escape_quotes(lines: list[str], separator: str) -> list[str]:
    """Return the rows of a table, one or more lines each, with quotation marks that are ordinary characters escaped."""
    other = f'[^"{re.escape(separator)}]*'
    cell = f'(?:"(?:[^"]|"")*"|{other})'
    well_formed = re.compile(f"{cell}(?:{re.escape(separator)}{cell})*")
    num_cells = len(split_row(lines[0], separator))
    rows, place = [], 0
    while place < len(lines):
        line, length = lines[place], 1
        if '"' in line:
            cells = split_row(line, separator)
            if not well_formed.fullmatch(line):
                length = _cell_lines(lines, place, separator, well_formed=well_formed, num_cells=num_cells)
            elif len(cells) != num_cells == line.count(separator) + 1:
                cells = line.split(separator)  # a separator between two marks that enclose nothing
            if length == 1:
                line = separator.join('"' + text.replace('"', '""') + '"' for text in cells)
            else:
                line = "\n".join(lines[place : place + length])
        rows.append(line)
        place += length
    return rows


def _cell_lines(lines: list[str], place: int, separator: str, *, well_formed: re.Pattern, num_cells: int) -> int:
    """Return the number of lines of the row that begins at `place`: more than 1 if a cell has line breaks.

    Raises ValueError if lines may be both rows and parts of a cell.
    """
    text, are_rows = lines[place], []
    for further in lines[place + 1 : place + _MAX_LINES]:
        text += "\n" + further
        are_rows.append(further.count(separator) + 1 == num_cells)
        if further.count('"') % 2 and well_formed.fullmatch(text):
            break
    else:
        return 1
    if not any(are_rows):
        return 1 + len(are_rows)
    if all(are_rows) and num_cells > 2:
        return 1
    raise ValueError(
        f"a quotation mark in line {place + 1} that is closed in line {place + 1 + len(are_rows)}, with rows between; "
        f"remove or double both"
    )


def split_row(row: str, separator: str) -> list[str]:
    """Return the cells of a row; a quotation mark that does not enclose a whole cell is an ordinary character."""
    closed = re.compile(f'"((?:[^"]|"")*)"(?={re.escape(separator)}|$)')
    cells, place = [], 0
    while True:
        match = closed.match(row, place)
        end = match.end() if match else row.find(separator, place)
        end = len(row) if end < 0 else end
        cells.append(match.group(1).replace('""', '"') if match else row[place:end])
        if end == len(row):
            return cells
        place = end + 1
