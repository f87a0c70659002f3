"""All cells of the tables, and their runs."""

import functools

from papers.figure2 import FIGURE_RUNS
from papers.systems import simplify_cell
from papers.tables import TABLES

CELLS = [cell for table in TABLES.values() for cell in table.cells]
FIGURED = [run for runs in FIGURE_RUNS.values() for run in runs.values()]


simplify = functools.cache(simplify_cell)


def runs_at(scale):
    return list(dict.fromkeys([*(simplify(cell, scale).training for cell in CELLS), *FIGURED]))


def find_cell(table, row, column_number=0):
    cells = [cell for cell in TABLES[table].cells if cell.row == row]
    return cells[column_number]
