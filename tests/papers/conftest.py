"""Files of results of the invented table."""

import pytest

from papers import collection
from papers.results import BEGIN, END, ResultFiles
from tests.papers.invented_table import TABLE


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "TABLES", {TABLE.name: TABLE})
    page = tmp_path / "RESULTS.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    return ResultFiles(page, tmp_path / "tables.md", tmp_path / "tables.jsonl")
