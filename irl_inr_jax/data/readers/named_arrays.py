"""Common rules of files with named arrays: the origin of labels, and what is not read."""

from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.data.keys import is_requested
from irl_inr_jax.data.readers.stacks import source_name
from irl_inr_jax.types import InputError

_MAX_NAMED = 12


def check_labels_key(data: ConfigDict, path: Path) -> None:
    """Raise InputError if labels are requested both from the file of the images and from one without named arrays."""
    if data.labels_path and is_requested(data, "labels_key") and not has_named_arrays(data.labels_path):
        raise InputError(
            f"{source_name(path)}: expected one origin of labels, found config.data.labels_key={data.labels_key!r} and "
            f"config.data.labels_path={data.labels_path!r}, which has no named arrays; leave one out"
        )


def has_named_arrays(path: str) -> bool:
    """Return True for the path of an HDF5 or .npz file."""
    return Path(path).suffix.lower() in (".npz", ".h5", ".hdf5", ".hdf")


def unread_note(names: Sequence[str], kind: str, path: Path) -> tuple[str, ...]:
    """Return a note on the arrays `names` of a file that are not read, or () if there are none."""
    if not names:
        return ()
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return (f"{kind} of {path.name} that are not read: {', '.join(names[:_MAX_NAMED])}{more}",)
