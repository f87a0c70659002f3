"""Images in a .zip archive with or without a table of them, as EcoTaxa and MorphoCluster export: unpacked once."""

import hashlib
import logging
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import platformdirs
from ml_collections import ConfigDict

from irl_inr_jax.config.checked_files import unfinished_path
from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.readers.folder import read_folder
from irl_inr_jax.data.readers.image_files import EXTENSIONS
from irl_inr_jax.data.readers.path_table import read_table
from irl_inr_jax.data.readers.stacks import damaged, source_name
from irl_inr_jax.data.readers.table_files import TABLE_SUFFIXES
from irl_inr_jax.data.source import Source
from irl_inr_jax.types import InputError

logger = logging.getLogger(__name__)

MAX_RATIO = 200  # of the unpacked to the packed bytes of images and tables; more is no honest archive
# A member that no programme for images or tables writes larger.
MAX_MEMBER_BYTES = 4_000_000_000
_NOT_NAMES = ("/", "\\", "..")


class TableColumns(NamedTuple):
    """Columns of the tables of an exporting programme: the image's file, and its class."""

    path: str
    label: str


# MorphoCluster's index.csv has the columns of the default keys, `path` and perhaps `label`.
EXPORTS = {"EcoTaxa": TableColumns("img_file_name", "object_annotation_category")}


def open_zip(data: ConfigDict) -> Source:
    """Return the images of the .zip archive config.data.path.

    If it has one table, the images are those that the table lists, as `read_table` reads it; of a table of EcoTaxa the
    columns need not be set. Otherwise the images are those in its folders, as `read_folder` reads them. The archive is
    unpacked once into the user's cache folder.

    Raises InputError for a damaged or encrypted archive, members that would be written elsewhere, no space, and several
    tables; and as the readers do.
    """
    path = Path(data.path).expanduser()
    folder = unpack(path)
    tables = sorted(name for name in folder.rglob("*") if name.suffix.lower() in TABLE_SUFFIXES)
    if len(tables) > 1:
        names = ", ".join(str(table.relative_to(folder)) for table in tables[:5])
        raise InputError(
            f"{source_name(path)}: expected at most one table in the archive, found {len(tables)} ({names}); unpack it "
            f"and set config.data.path to one of them"
        )
    inner = data.copy_and_resolve_references()
    inner.path = str(tables[0] if tables else folder)
    if not tables:
        return read_folder(inner)
    header = _read_header(tables[0])
    for columns in EXPORTS.values():
        if not is_requested(data, "path_column") and data.path_column not in header and columns.path in header:
            inner.path_column = columns.path
            if not is_requested(data, "label_column") and columns.label in header:
                inner.label_column = columns.label
    return read_table(inner)


def unpack(path: Path) -> Path:
    """Return the folder with the images and tables of the archive, which is written if it is not there yet.

    Its name depends on the place, the size and the time of the archive; it appears when it is complete.
    """
    try:
        status = path.stat()
        with zipfile.ZipFile(path) as archive:
            members = list_members(archive, path)
            key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
            place = platformdirs.user_cache_path("irl_inr_jax") / "archives"
            folder = place / f"{path.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
            if not folder.is_dir():
                _extract(archive, members, folder)
            return folder
    # NotImplementedError: zipfile cannot unpack the compression of a member.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise damaged(path, "a .zip archive", error) from None
    except OSError as error:
        raise InputError(
            f"{source_name(path)}: expected space to unpack the archive, found {error.strerror or error}; free some, "
            f"or set XDG_CACHE_HOME to a folder with enough space"
        ) from None


def list_members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """Return the images and tables in the archive, without hidden files and folders.

    Raises InputError if there is no image, for encrypted members and links, for names outside the archive, and for
    declared sizes that no archive of images has.
    """
    members, name = [], source_name(path)
    for member in archive.infolist():
        parts = PurePosixPath(member.filename).parts
        suffix = PurePosixPath(member.filename).suffix.lower()
        is_hidden = any(part.startswith((".", "__MACOSX")) and part not in _NOT_NAMES for part in parts)
        if member.is_dir() or is_hidden or suffix not in (*EXTENSIONS, *TABLE_SUFFIXES):
            continue
        if any(part in _NOT_NAMES for part in parts) or "\\" in member.filename or ":" in parts[0]:
            raise InputError(f"{name}: expected names within the archive, found {member.filename!r}; pack it again")
        if member.flag_bits & 1:
            raise InputError(f"{name}: expected an archive without a password, found {member.filename!r} encrypted")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(f"{name}: expected files, found the link {member.filename!r}; pack the files it links to")
        members.append(member)
    if not any(member.filename.lower().endswith(EXTENSIONS) for member in members):
        raise InputError(f"{name}: expected images ({', '.join(EXTENSIONS)}) in the archive, found none")
    unpacked = sum(member.file_size for member in members)
    largest = max(members, key=lambda member: member.file_size)
    if unpacked > MAX_RATIO * max(path.stat().st_size, 1_000_000) or largest.file_size > MAX_MEMBER_BYTES:
        raise InputError(
            f"{name}: expected an archive of images, found {unpacked / 1e9:.1f} GB packed to "
            f"{path.stat().st_size / 1e6:.1f} MB; unpack it yourself if this is right"
        )
    return members


def _extract(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> None:
    """Write the members to the folder, which appears when all are written. Raises OSError and those of zipfile."""
    size = sum(member.file_size for member in members)
    folder.parent.mkdir(parents=True, exist_ok=True)
    logger.info("Unpacking %d files once: %.0f MB to %s", len(members), size / 1e6, folder)
    partial = unfinished_path(folder)
    try:
        free = shutil.disk_usage(folder.parent).free
        if size > free:
            raise OSError(0, f"{free / 1e6:.0f} MB free for {size / 1e6:.0f} MB")
        for member in members:
            archive.extract(member, partial)
        partial.replace(folder)
    except OSError:
        if not folder.is_dir():  # else another process has unpacked the archive in the meantime
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read_header(table: Path) -> str:
    """Return the first line of a table in text; '' of a Parquet file, whose columns have other names."""
    if table.suffix.lower() == ".parquet":
        return ""
    with table.open(encoding="utf-8", errors="replace") as file:
        return file.readline()
