"""Files that arrive in a folder: which of them are complete, new, and to be tried again."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple


class Signature(NamedTuple):
    """Size and time of the last change of a file; a file that is still written changes them."""

    size: int
    changed: int


class Arrivals:
    """The files below a folder with one of the suffixes, found by looking again and again.

    A file is complete if its signature is that of the look before. Files and folders with a leading dot are left out.
    """

    def __init__(self, folder: Path, suffixes: Collection[str]):
        self.folder, self.suffixes = folder, frozenset(suffixes)
        self.seen: dict[str, Signature] = {}
        self.done: set[str] = set()
        self.failed: dict[str, Signature] = {}

    def look(self) -> list[str]:
        """Return the names below the folder of files that are complete and neither done nor failed, in order."""
        found = self._scan()
        ready = [
            name
            for name, signature in sorted(found.items())
            if self.seen.get(name) == signature and self.failed.get(name) != signature
        ]
        self.seen = found
        return ready

    def finish(self, name: str) -> None:
        """Never return this file again."""
        self.done.add(name)

    def fail(self, name: str) -> None:
        """Return this file again only when it has changed."""
        self.failed[name] = self.seen[name]

    def _scan(self) -> dict[str, Signature]:
        found = {}
        for root, folders, names in os.walk(self.folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(root, name)
                if name.startswith(".") or path.suffix.lower() not in self.suffixes:
                    continue
                relative = path.relative_to(self.folder).as_posix()
                if relative in self.done:
                    continue
                try:
                    status = path.stat()
                except OSError:  # removed since it was listed
                    continue
                found[relative] = Signature(status.st_size, status.st_mtime_ns)
        return found
