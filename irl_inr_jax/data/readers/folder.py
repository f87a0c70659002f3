"""Image files in a folder or matching a pattern: subfolders are classes or splits."""

import dataclasses
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from irl_inr_jax.data.readers.file_search import count_endings, find_files
from irl_inr_jax.data.readers.files_source import source_of_files
from irl_inr_jax.data.readers.folder_layout import find_layout
from irl_inr_jax.data.readers.image_files import EXTENSIONS
from irl_inr_jax.data.readers.stack_set import STACK_ENDINGS, read_stack_files
from irl_inr_jax.data.source import Source, readable_names
from irl_inr_jax.types import InputError


def read_folder(data: ConfigDict) -> Source:
    """Return the image files in the folder config.data.path, or matching it if it is a pattern as `lots/**/*.png`.

    Ids are paths relative to the folder, or to the part of the pattern before its first wildcard. Classes and splits
    are those of `find_layout`. Notes state how many files with other endings there are. Without image files, the stacks
    there are read as `read_stack_files` does.

    Raises InputError if there is no image, and as `find_layout` and `source_of_files`.
    """
    path = Path(data.path).expanduser()
    name = f"config.data.path ({path})"
    root, names, others = match_images(path) if is_pattern(path) else list_images(path)
    if names[0].lower().endswith(STACK_ENDINGS):
        source = read_stack_files(data, root, names, source=name)
        return dataclasses.replace(source, notes=source.notes + ((f"not read: {others}",) if others else ()))
    layout = find_layout(readable_names(names).tolist(), name)
    used = np.array(names)[layout.rows]
    source = source_of_files(
        name,
        root,
        used.tolist(),
        data=data,
        ids=readable_names(used),
        labels=layout.labels,
        test=layout.test,
        is_kept=True,
    )
    notes = layout.notes + ((f"not read: {others}",) if others else ())
    return dataclasses.replace(source, notes=notes)


def is_pattern(path: Path) -> bool:
    """Return True if `path` contains one of *?[ and does not exist itself."""
    return _has_wildcard(str(path)) and not path.exists()


def split_pattern(pattern: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the part of a pattern before its first wildcard, and the other parts."""
    num_plain = next(index for index, part in enumerate(pattern.parts) if _has_wildcard(part))
    return Path(*pattern.parts[:num_plain]), pattern.parts[num_plain:]


def match_images(pattern: Path) -> tuple[Path, list[str], str]:
    """Return the part of the pattern before its first wildcard, the matching image files relative to it, and others.

    The image files are sorted; others is a phrase with the numbers of matching files by other endings.

    Raises InputError if no image file matches.
    """
    root, wanted = split_pattern(pattern)
    names, others = _split_images(find_files(root, wanted))
    if not names:
        raise InputError(
            f"config.data.path ({pattern}): expected a pattern that matches files ending in {', '.join(EXTENSIONS)}, "
            f"found {others or 'no match'}; ** matches folders of any depth, as in {root / '**' / '*.png'}"
        )
    return root, names, others


def list_images(root: Path) -> tuple[Path, list[str], str]:
    """Return `root`, the sorted image files below it as relative paths with '/', and a phrase on the other files.

    Hidden files and folders are ignored. Raises InputError if there is no image.
    """
    names, others = _split_images(find_files(root))
    if not names:
        raise InputError(
            f"config.data.path: expected files ending in {', '.join(EXTENSIONS)} in {root}, found {others or 'none'}"
        )
    return root, names, others


def _split_images(names: list[str]) -> tuple[list[str], str]:
    """Return the image files, or the stacks if there is no image, and a phrase on the other files."""
    images = [name for name in names if name.lower().endswith(EXTENSIONS)]
    images = images or [name for name in names if name.lower().endswith(STACK_ENDINGS)]
    return images, count_endings(sorted(set(names) - set(images)))


def _has_wildcard(text: str) -> bool:
    return any(character in text for character in "*?[")
