"""One folder per cluster with the images in it: links or copies of the user's files, or written images."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from irl_inr_jax.config.checked_files import unfinished_path
from irl_inr_jax.data.csv_cells import write_csv
from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.file_names import make_file_names
from irl_inr_jax.report.image_writer import write_image
from irl_inr_jax.types import InputError

NUM_AT_ONCE = 256  # images in memory


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write to, which becomes `path` when the block ends without an error.

    Raises InputError if `path` exists, or is created by another call in the meantime; what was written is then removed.
    A call that is killed leaves a hidden folder beside `path`.
    """
    check_is_new(path)
    partial = unfinished_path(path)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"expected {path.parent} to be writable: {error}") from None
    try:
        yield partial
        check_is_new(path)
        try:
            partial.rename(path)
        except OSError:
            check_is_new(path)
            raise
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def check_is_new(path: Path) -> None:
    """Raise InputError if `path` exists: an export never writes over files."""
    if path.exists() or path.is_symlink():
        raise InputError(f"expected a new name for the output, found {path}, which exists; remove it or choose another")


def name_folders(clusters: Int[np.ndarray, "n"], names: dict[int, str], junk: Bool[np.ndarray, "n"]) -> list[str]:
    """Return the folder of each image: cluster_03, with as many digits as needed to sort, noise, or junk.

    names: of the clusters that have one, which follow the number, as in cluster_03_scratch.
    """
    digits = max(2, len(str(int(clusters.max(initial=0)))))
    folders = {NOISE: "noise"}
    for cluster in set(clusters.tolist()) - {NOISE}:
        stem = f"cluster_{cluster:0{digits}d}"
        folders[cluster] = make_file_names([f"{stem}_{names[cluster]}"], [""])[0] if cluster in names else stem
    return ["junk" if is_junk else folders[cluster] for cluster, is_junk in zip(clusters.tolist(), junk, strict=True)]


def write_links(
    folder: Path,
    ids: np.ndarray,
    clusters: Int[np.ndarray, "n"],
    files: np.ndarray,
    *,
    folders: Sequence[str],
    copy: bool,
    raw: bool,
) -> None:
    """Link, or copy, the file of each image into its folder of `name_folders`, and write images.csv.

    Raises InputError for a missing file, and where the file system has no links.
    """
    names = _place(folder, ids, clusters, folders, [Path(file).suffix for file in files], raw=raw)
    for name, file in zip(names, files, strict=True):
        try:
            if copy:
                shutil.copy2(file, folder / name)
            else:
                os.symlink(Path(file).resolve(strict=True), folder / name)
        except OSError as error:
            hint = "" if copy else "; --copy copies the files instead of linking to them"
            raise InputError(f"expected to export {file}, found that this is not possible: {error}{hint}") from None


def write_images(
    folder: Path,
    ids: np.ndarray,
    clusters: Int[np.ndarray, "n"],
    read: Callable[[np.ndarray], Sequence[np.ndarray]],
    *,
    folders: Sequence[str],
    suffix: str,
    raw: bool,
) -> None:
    """Write each image into its folder of `name_folders`, and images.csv. read: rows (m,) -> images (h, w, c)."""
    names = _place(folder, ids, clusters, folders, [suffix] * len(ids), raw=raw)
    for first in range(0, len(ids), NUM_AT_ONCE):
        rows = np.arange(first, min(first + NUM_AT_ONCE, len(ids)))
        for row, pixels in zip(rows, read(rows), strict=True):
            write_image(folder / names[row], np.asarray(pixels))


def _place(
    folder: Path,
    ids: np.ndarray,
    clusters: Int[np.ndarray, "n"],
    folders: Sequence[str],
    suffixes: list[str],
    *,
    raw: bool,
) -> list[str]:
    """Create the folders, write which image is where, and return the path of each relative to `folder`."""
    for name in set(folders):
        (folder / name).mkdir()
    files = make_file_names(ids.tolist(), suffixes)
    names = [f"{cluster}/{file}" for cluster, file in zip(folders, files, strict=True)]
    write_csv(folder / "images.csv", {"id": ids.tolist(), "cluster": clusters.tolist(), "file": names}, raw=raw)
    return names
