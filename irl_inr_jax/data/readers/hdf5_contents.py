"""The datasets of an HDF5 file: links of every kind, names, shapes, and parts that are missing."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from irl_inr_jax.types import InputError

_MAX_LISTED = 12  # datasets in a message
_MAX_DATASETS = 10_000
_MAX_LABELS = 50_000_000
_UNLIMITED = 2**63 - 1  # length of a selection or of a file without a bound
_BLOCK = "%b"  # the number of a block in the name of a source of a virtual dataset


@dataclasses.dataclass
class Contents:
    """Datasets by name; names include the groups, and one dataset has several names if there are links to it.

    shapes: name -> shape, () for a null or scalar dataset. identities: name -> (file, address), equal for links to one
    dataset. broken: name -> target of each link that leads nowhere.
    """

    shapes: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    identities: dict[str, tuple] = dataclasses.field(default_factory=dict)
    broken: dict[str, str] = dataclasses.field(default_factory=dict)

    def distinct(self) -> list[str]:
        """Return one name of each dataset."""
        return list({identity: name for name, identity in reversed(self.identities.items())}.values())[::-1]

    def listing(self) -> str:
        """Return names and shapes of all datasets, for messages."""
        items = [f"{name} {shape}" for name, shape in self.shapes.items()]
        items += [f"{name} (a link to {target}, which is missing)" for name, target in self.broken.items()]
        more = [f"{len(items) - _MAX_LISTED} more"] if len(items) > _MAX_LISTED else []
        return ", ".join([*items[:_MAX_LISTED], *more]) or "nothing"


def list_contents(file: Any) -> Contents:
    """Return the datasets of an open file, also behind hard, soft and external links; each group is entered once."""
    contents, entered = Contents(), set()
    waiting: list[tuple[str, Any]] = [("", file)]
    while waiting and len(contents.shapes) < _MAX_DATASETS:
        prefix, group = waiting.pop(0)
        if _identity(group) in entered:
            continue
        entered.add(_identity(group))
        for member in group:
            name = f"{prefix}{member}"
            try:
                node = group[member]
            except (KeyError, OSError, RuntimeError, ValueError):
                contents.broken[name] = _target(group, member)
                continue
            if hasattr(node, "keys"):
                waiting.append((f"{name}/", node))
            elif hasattr(node, "shape"):
                contents.shapes[name] = node.shape or ()
                contents.identities[name] = _identity(node)
    return contents


def find_dataset(file: Any, contents: Contents, key: str, *, name: str, setting: str, requested: bool) -> str | None:
    """Return the name of the dataset `key`, or None if it is missing and not requested.

    name: start of messages. setting: the configuration's key. Raises InputError for a requested dataset that is
    missing, and for a link that leads nowhere.
    """
    key = key.strip("/")
    if key in contents.shapes:
        return key
    if key in contents.broken:
        raise InputError(
            f"{name}: expected a dataset {key!r}, found a link to {contents.broken[key]}, which is missing; "
            f"put it there, or set {setting} to one of {contents.listing()}"
        )
    # Below a group that was listed by another name.
    node: Any = file.get(key) if key else None
    if hasattr(node, "shape"):
        contents.shapes[key], contents.identities[key] = node.shape or (), _identity(node)
        return key
    if requested:
        found = "a group" if hasattr(node, "keys") else "none of that name"
        raise InputError(
            f"{name}: expected a dataset {key!r}, as {setting} requests, found {found} among {contents.listing()}; "
            f"set {setting} to one of these"
        )
    return None


def check_complete(dataset: Any, name: str) -> None:
    """Raise InputError if parts of a virtual or externally stored dataset are missing; HDF5 fills them with zeros."""
    folder = Path(dataset.file.filename).parent
    for file, offset, size in dataset.external or ():
        path = Path(file)  # HDF5 searches the current folder
        if not path.is_file() or (size < _UNLIMITED and path.stat().st_size < offset + size):
            raise _incomplete(name, f"{file}, which is {'too short' if path.is_file() else 'missing'}")
    for part in dataset.virtual_sources() if dataset.is_virtual else ():
        if _BLOCK in part.file_name:
            _check_blocks(folder, part.file_name, name)
        elif _BLOCK not in part.dset_name:
            _check_part(dataset, part, name)


def describe_unwritten(dataset: Any, name: str) -> tuple[str, ...]:
    """Return a note on the blocks of a dataset that were never written and are read as its fill value, () without any.

    Raises InputError if none was written.
    """
    if dataset.is_virtual or dataset.external:
        return ()
    if dataset.id.get_storage_size() == 0:
        raise InputError(f"{name}: expected images, found a dataset to which none was written; write it again")
    if dataset.chunks is None:
        return ()
    total = math.prod(-(-side // chunk) for side, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    missing = total - dataset.id.get_num_chunks()
    return (f"{missing} of {total} blocks of images in {dataset.name} were never written",) if missing else ()


def _check_part(dataset: Any, part: Any, name: str) -> None:
    """Raise InputError if the file or dataset `part` of a virtual dataset is missing or too small."""
    import h5py

    own, place = Path(dataset.file.filename), Path(part.file_name)
    places = [own] if part.file_name == "." else [own.parent / place, place, own.parent / place.name]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise _incomplete(name, f"{part.file_name}, which is missing")
    try:
        with h5py.File(found, "r") as file:
            source = file[part.dset_name]
            check_complete(source, name)
            shape, is_long_enough = source.shape, _contains(source.shape, part)
    except (OSError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise _incomplete(name, f"{part.dset_name} of {part.file_name}, which cannot be read ({reason})") from None
    if not is_long_enough:
        raise _incomplete(name, f"a part of {part.dset_name} of {part.file_name}, which has the shape {shape}")


def _contains(shape: tuple[int, ...], part: Any) -> bool:
    """Return True if a source of this shape has all values that `part` maps."""
    import h5py

    if part.src_space.get_select_type() == h5py.h5s.SEL_ALL:
        return part.vspace.get_select_npoints() <= math.prod(shape)
    last = part.src_space.get_select_bounds()[1]
    return all(place < length for place, length in zip(last, shape, strict=True) if place < _UNLIMITED - 1)


def _check_blocks(folder: Path, pattern: str, name: str) -> None:
    """Raise InputError if a file is missing in a numbered series, which HDF5 reads up to the first missing one."""
    number = re.compile(re.escape(Path(pattern).name).replace(_BLOCK, r"(\d+)"))
    found = [number.fullmatch(path.name) for path in (folder / pattern).parent.glob("*")]
    blocks = {int(match.group(1)) for match in found if match}
    missing = sorted(set(range(max(blocks, default=0) + 1)) - blocks)
    if missing:
        raise _incomplete(name, f"{pattern.replace(_BLOCK, str(missing[0]))}, which is missing")


def _incomplete(name: str, part: str) -> InputError:
    return InputError(
        f"{name}: expected all parts of a dataset that is composed of several files, found one without {part}; "
        f"put the file next to it"
    )


def import_h5py(name: str) -> Any:
    """Return the package h5py. Raises InputError, with the command that installs it, if it is missing."""
    try:
        import h5py
    except ImportError:
        raise InputError(
            f"{name}: expected the package h5py, which reads this format, found none; install it with: pip install h5py"
        ) from None
    return h5py


def read_hdf5_labels(path: Path, key: str, *, requested: bool, name: str) -> np.ndarray:
    """Return the dataset `key` of a file of labels, or its only dataset if `key` is not requested.

    Raises InputError, which starts with `name`, for a missing or damaged dataset.
    """
    h5py = import_h5py(name)
    try:
        with h5py.File(path, "r") as file:
            contents = list_contents(file)
            found = find_dataset(file, contents, key, name=name, setting="config.data.labels_key", requested=requested)
            if found is None and len(contents.distinct()) == 1:
                found = contents.distinct()[0]
            if found is None:
                raise InputError(
                    f"{name}: expected a dataset {key!r}, or exactly one, found {contents.listing()}; "
                    f"set config.data.labels_key"
                )
            check_complete(file[found], name)
            return read_text_or_numbers(file[found])
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{name}: expected an HDF5 file of labels, found another kind of file or a damaged one ({reason}); "
            f"write it again"
        ) from None


def read_text_or_numbers(dataset: Any) -> np.ndarray:
    """Return all values of a dataset; strings are decoded."""
    import h5py

    if dataset.shape is None:
        return np.zeros(())  # a null dataspace: no label
    if dataset.size > _MAX_LABELS:
        raise ValueError(f"{dataset.size} values in {dataset.name}")
    if h5py.check_string_dtype(dataset.dtype) is None:
        return np.asarray(dataset[()])
    return np.asarray(dataset.asstr()[()]).astype(str)


def _identity(node: Any) -> tuple:
    import h5py

    info = h5py.h5o.get_info(node.id)
    return info.fileno, info.addr


def _target(group: Any, member: str) -> str:
    link = group.get(member, getlink=True)
    path = getattr(link, "path", "an object")
    return f"{path} of {link.filename}" if hasattr(link, "filename") else path
