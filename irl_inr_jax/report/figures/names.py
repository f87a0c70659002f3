"""The name of a data set in the titles of figures."""

from pathlib import Path

from ml_collections import ConfigDict

_LONGEST = 40


def name_data(data: ConfigDict) -> str:
    """Return the name of the file or folder of the images where one is configured, else that of the data set."""
    name = Path(data.path).name if data.path else data.name
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
