"""Files below a folder that match a pattern; symbolic links to folders are followed, each folder once."""

import fnmatch
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from irl_inr_jax.types import InputError

EVERYTHING = ("**", "*")
_MAX_ENDINGS = 5  # named in a message


def find_files(
    root: Path, pattern: tuple[str, ...] = EVERYTHING, *, is_left_out: Callable[[str], bool] = lambda folder: False
) -> list[str]:
    """Return the sorted paths relative to `root`, with '/', of the files that match `pattern`.

    pattern: one wildcard per folder, as in `fnmatch`, and '**' for any number of folders. Names that start with a dot
    match only a part that does. A folder that can be reached by several names has the one without links, if there is
    one; a link to a folder that contains `root` is not followed, so that circles end. A folder's content of any kind
    counts as a file, also a broken link. is_left_out: of the name of a folder; True if it is not searched.

    Raises InputError for a folder that cannot be read; a `root` that does not exist has no files.
    """
    if not root.is_dir():
        return []
    real_root = os.path.realpath(root)
    folders, links = deque([("", 0)]), deque()  # a folder and the part of the pattern that its content has to match
    seen, found = set(), {}
    while folders or links:
        folder, index = folders.popleft() if folders else links.popleft()
        status = os.stat(root / folder)
        state = (status.st_dev, status.st_ino, index)
        if state in seen:
            continue
        seen.add(state)
        part, is_last = pattern[index], index == len(pattern) - 1
        is_deep = part == "**"
        if is_deep and not is_last:
            folders.appendleft((folder, index + 1))
        for entry in _list_folder(root, folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not _matches(entry.name, "*" if is_deep else part):
                continue
            if not _is_folder(entry):
                if is_last:
                    found.setdefault((*state[:2], entry.name), path)
            elif (is_deep or not is_last) and not is_left_out(entry.name):
                is_circle = entry.is_symlink() and _contains(os.path.realpath(root / path), real_root)
                if not is_circle:
                    (links if entry.is_symlink() else folders).append((path, index if is_deep else index + 1))
    return sorted(found.values())


def count_endings(names: Iterable[str]) -> str:
    """Return the numbers of files by ending, such as "12 files ending in .heic, 3 in .txt"; '' for no files."""
    found = Counter(PurePosixPath(name).suffix.lower() for name in names)
    counts = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    listed = [f"{number} in {ending or 'no extension'}" for ending, number in counts[:_MAX_ENDINGS]]
    others = sum(number for _, number in counts[_MAX_ENDINGS:])
    listed += [f"{others} in others"] if others else []
    if not listed:
        return ""
    number, first = listed[0].split(" ", 1)
    return ", ".join([f"{number} file{'s' * (number != '1')} ending {first}", *listed[1:]])


def _list_folder(root: Path, folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(root / folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"config.data.path: expected folders that can be read, found {root / folder} ({error.strerror}); change "
            f"its permissions, or move it out of {root}"
        ) from None


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith("."))


def _contains(folder: str, path: str) -> bool:
    """Return True if the real path `folder` is `path` or contains it."""
    return Path(path).is_relative_to(folder)
