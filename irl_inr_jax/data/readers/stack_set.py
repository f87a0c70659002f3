"""Many stacks as one set of images: .mrcs files of a folder or pattern, or those that a STAR file of RELION lists."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import gemmi
import numpy as np
from jaxtyping import Int, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.config import base
from irl_inr_jax.data.readers.folder_layout import SPLITS, find_layout
from irl_inr_jax.data.readers.label_files import read_labels
from irl_inr_jax.data.readers.mrc import open_mrc
from irl_inr_jax.data.readers.stacks import damaged
from irl_inr_jax.data.source import Source, readable_names
from irl_inr_jax.types import InputError

STACK_ENDINGS = (".mrcs", ".mrcs.gz", ".mrcs.bz2")
_NAME = "rlnImageName"


def read_stack_files(data: ConfigDict, root: Path, names: list[str], *, source: str) -> Source:
    """Return the images of the stacks `root / name` as one set, ordered by name and section.

    Ids are the stack's path and the section, as in lot/mic1/00002. Classes and splits are those of `find_layout`;
    if all stacks have train or test in their names, these are the splits.

    Raises InputError for stacks of several sizes or types, if only some names state a split, and as `open_mrc`.
    """
    texts = readable_names(names)
    layout = find_layout(texts.tolist(), source)
    texts = texts[layout.rows]
    paths = [root / names[row] for row in layout.rows]
    stacks = [_open_section_file(data, path) for path in paths]
    _check_alike(stacks, paths, source)
    lengths = [len(stack.ids) for stack in stacks]
    pages = np.concatenate([np.arange(length) for length in lengths])
    stems = [text[: -len(next(end for end in STACK_ENDINGS if text.lower().endswith(end)))] for text in texts]
    test = layout.test if layout.test is not None else _splits_of(stems, source)
    ids = np.array([f"{stem}/{page:05d}" for stem, n in zip(stems, lengths, strict=True) for page in range(n)])
    labels = None if layout.labels is None else np.repeat(layout.labels, lengths)
    return Source(
        name=source,
        ids=ids,
        sizes=np.concatenate([stack.sizes for stack in stacks]),
        channels=1,
        dtype=stacks[0].dtype,
        read=_make_read(stacks, np.repeat(np.arange(len(stacks)), lengths), pages),
        labels=labels,
        test=None if test is None else np.repeat(test, lengths),
        notes=(*layout.notes, f"{len(ids)} images of {len(stacks)} stacks", *_common_notes(stacks)),
        files=np.repeat([str(path) for path in paths], lengths),
        pages=pages,
    )


def open_star(data: ConfigDict) -> Source:
    """Return the images that the STAR file config.data.path lists in rlnImageName, in its order.

    Their stacks are searched relative to the folder of the file and to the folders that contain it, since RELION's
    paths are relative to the project. Ids are the entries, such as 000003@mic1.mrcs; all other columns are columns of
    the `Source`, and config.data.label_column may name the one with the labels, such as rlnClassNumber.

    Raises InputError for damaged files, without the column, for missing stacks and sections, and repeated entries.
    """
    path = Path(data.path).expanduser()
    source = f"config.data.path ({path})"
    columns = read_star_columns(path)
    entries = columns.pop(_NAME)
    values, counts = np.unique(entries, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{source}: expected each image once, found {str(values[counts.argmax()])!r} more than once; remove "
            f"the copies"
        )
    sections, files = zip(*(_split_entry(entry) for entry in entries.tolist()), strict=True)
    named, which = np.unique(files, return_inverse=True)
    paths = [_locate(path, name, source) for name in named.tolist()]
    stacks = [_open_section_file(data, stack) for stack in paths]
    _check_alike(stacks, paths, source)
    pages = np.array(sections, np.int64) - 1
    lengths = np.array([len(stack.ids) for stack in stacks])[which]
    outside = np.flatnonzero((pages < 0) | (pages >= lengths))
    if len(outside):
        raise InputError(
            f"{source}: expected images 1 to {lengths[outside[0]]} of the stack, found {entries[outside[0]]}; the list "
            f"and the stack do not belong together"
        )
    if data.label_column not in columns and data.label_column != base.get_config().data.label_column:
        raise InputError(
            f"{source}: expected the column {data.label_column!r} of config.data.label_column, found "
            f"{', '.join(columns)}"
        )
    labels = columns.pop(data.label_column, None)
    labels = None if labels is None else labels.astype(str) if labels.dtype.kind == "f" else labels
    return Source(
        name=source,
        ids=entries,
        sizes=np.stack([stacks[0].sizes[0]] * len(entries)),
        channels=1,
        dtype=stacks[0].dtype,
        read=_make_read(stacks, which, pages),
        labels=read_labels(data, entries) if data.labels_path else labels,
        columns=columns,
        notes=(f"{len(entries)} images of {len(stacks)} stacks", *_common_notes(stacks)),
        files=np.array([str(stack) for stack in paths])[which],
        pages=pages,
    )


def read_star_columns(path: Path) -> dict[str, Shaped[np.ndarray, "n"]]:
    """Return the table of a STAR file that has rlnImageName: numbers or strings by column, without the '_' before it.

    Raises InputError for another kind of file and without such a table.
    """
    try:
        loops = [item.loop for block in gemmi.cif.read(str(path)) for item in block if item.loop is not None]
    except (ValueError, RuntimeError, OSError) as error:
        raise damaged(path, "a STAR file of RELION", error) from None
    for loop in loops:
        if f"_{_NAME}" in loop.tags and loop.length():
            values = np.array([gemmi.cif.as_string(value) for value in loop.values], dtype=object).reshape(
                loop.length(), loop.width()
            )
            table = {tag.removeprefix("_"): _to_values(column) for tag, column in zip(loop.tags, values.T, strict=True)}
            return {**table, _NAME: values[:, loop.tags.index(f"_{_NAME}")].astype(str)}
    found = ", ".join(sorted({tag.removeprefix("_") for loop in loops for tag in loop.tags})) or "no table"
    raise InputError(
        f"config.data.path ({path}): expected a table of particles with the column {_NAME}, found {found}; extract the "
        f"particles first"
    )


def _to_values(column: np.ndarray) -> np.ndarray:
    for dtype in (np.int64, np.float64):
        try:
            return column.astype(dtype)
        except (ValueError, OverflowError):
            continue
    return column.astype(str)


def _split_entry(entry: str) -> tuple[int, str]:
    """Return the number from 1 and the file of an entry; a file of one image has no number."""
    found = re.fullmatch(r"(\d+)@(.+)", entry)
    return (int(found[1]), found[2]) if found else (1, entry)


def _locate(star: Path, name: str, source: str) -> Path:
    folders = [folder / name for folder in star.absolute().parents] if not Path(name).is_absolute() else [Path(name)]
    for path in folders:
        if path.is_file():
            return path
    raise InputError(
        f"{source}: expected the stack {name} in the folder of the file or one around it, found none; set "
        f"config.data.path to the file in RELION's project, or move the stacks beside it"
    )


def _open_section_file(data: ConfigDict, path: Path) -> Source:
    data = data.copy_and_resolve_references()
    data.path, data.labels_path = str(path), ""
    return open_mrc(data)


def _check_alike(stacks: Sequence[Source], paths: Sequence[Path], source: str) -> None:
    """Raise InputError for stacks of several sizes or types."""
    kinds = [f"images of {stack.sizes[0, 0]}x{stack.sizes[0, 1]} pixels of {stack.dtype}" for stack in stacks]
    for kind, path in zip(kinds, paths, strict=True):
        if kind != kinds[0]:
            raise InputError(
                f"{source}: expected stacks of one size and type, found {kinds[0]} in {paths[0]} and {kind} "
                f"in {path}; extract all particles with the same box"
            )


def _splits_of(stems: Sequence[str], source: str) -> np.ndarray | None:
    """Return True for the stacks with test in their names, if all others have train; None if no name has either."""
    words = [{SPLITS[word] for word in re.findall(r"[a-z]+", stem.lower()) if word in SPLITS} for stem in stems]
    kinds = set[str]().union(*words)
    if len(kinds) < 2:
        return None
    if kinds - {"train", "test"} or any(len(found) != 1 for found in words):
        raise InputError(
            f"{source}: expected stacks without a split in their names, or train or test in each, found "
            f"{', '.join(sorted(kinds))} in some; set config.data.path to a pattern of those to read"
        )
    return np.array([found == {"test"} for found in words])


def _make_read(
    stacks: Sequence[Source], which: Int[np.ndarray, "n"], pages: Int[np.ndarray, "n"]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return `Source.read` for image n = section `pages[n]` of stack `which[n]`."""

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *stacks[0].sizes[0], 1), stacks[0].dtype)
        for number in np.unique(which[rows]):
            places = np.flatnonzero(which[rows] == number)
            images[places] = stacks[number].read(pages[rows][places])
        return images

    return read


def _common_notes(stacks: Sequence[Source]) -> tuple[str, ...]:
    """Return the notes of the first stack that has any, with the number of the others."""
    noted = [stack.notes for stack in stacks if stack.notes]
    if len(noted) < 2:
        return noted[0] if noted else ()
    return (*noted[0], f"and notes of {len(noted) - 1} more stacks")
