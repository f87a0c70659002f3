"""Assign files as they arrive in a folder: the loop of `irl-inr assign --watch`."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from irl_inr_jax.data.datasets.own_images import STACKS
from irl_inr_jax.data.readers.image_files import IMAGE_EXTENSIONS
from irl_inr_jax.deployment.arrivals import Arrivals
from irl_inr_jax.deployment.assigned_table import append_lines, column_names, continue_table, format_lines, lock_table
from irl_inr_jax.deployment.drift import Drift, MeasuredImages
from irl_inr_jax.deployment.drift_file import drift_path, read_model_digest, save_drift
from irl_inr_jax.deployment.image_assignment import AssignedImages, assign_chunks
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.deployment.new_images import NewImages, read_new_images
from irl_inr_jax.types import InputError

WINDOW = 2_000  # last images that are tested for drift
MAX_FILES = 256  # read at once


def watch(bundle: ModelBundle, folder: Path, out: Path, *, rate: float, poll_seconds: float) -> Drift:
    """Assign the files of the folder until Ctrl-C or SIGTERM; return the drift of the last images.

    Raises InputError for something else than a folder, for a table of another model, and while another process writes
    the same table.
    """
    if not folder.is_dir():
        raise InputError(f"expected a folder for --watch, found {folder}")
    with lock_table(out):
        return follow(bundle, folder, out, rate=rate, poll_seconds=poll_seconds)


def follow(bundle: ModelBundle, folder: Path, out: Path, *, rate: float, poll_seconds: float) -> Drift:
    """Assign the files that are in the folder and those that arrive there, until Ctrl-C or SIGTERM."""
    model = read_model_digest(drift_path(out))
    if out.exists() and model not in (None, bundle.digest):
        raise InputError(
            f"expected a table of this model in {out}, found one of another, whose clusters have other numbers; choose "
            f"another --out"
        )
    done = continue_table(out, column_names(bundle), raw=bundle.config.evaluation.raw_csv)
    arrivals = Arrivals(folder, {*IMAGE_EXTENSIONS, *STACKS})
    for name in done:
        if Path(name).suffix.lower() in IMAGE_EXTENSIONS:
            arrivals.finish(name)
    print(f"{out}: {len(done):,} images so far; watching {folder}, end with Ctrl-C", flush=True)
    window: list[MeasuredImages] = []
    drift = save_drift(drift_path(out), bundle, window, rate=rate)
    with end_by_signals():
        try:
            is_tested = True
            while True:
                ready = arrivals.look()[:MAX_FILES]
                for assigned in assign_files(bundle, arrivals, ready, done):
                    append_lines(out, format_lines(bundle, assigned))
                    done.update(str(value) for value in assigned.ids)
                    window = keep_last([*window, assigned.measured], WINDOW)
                    is_tested = False
                if ready:
                    continue
                if not is_tested:
                    drift, is_tested = save_drift(drift_path(out), bundle, window, rate=rate), True
                    print(f"{len(done):,} images; {drift.sentence}", flush=True)
                time.sleep(poll_seconds)
        except KeyboardInterrupt:
            drift = save_drift(drift_path(out), bundle, window, rate=rate)
            print(f"\n{out}: {len(done):,} images; {drift.sentence}", flush=True)
    return drift


def assign_files(
    bundle: ModelBundle, arrivals: Arrivals, names: Sequence[str], done: set[str]
) -> Iterator[AssignedImages]:
    """Yield the images of these files that are not done, and mark each file as done or as failed."""
    for files, new in read_files(bundle, arrivals, names):
        rows = np.flatnonzero([str(value) not in done for value in new.ids])
        try:
            yield from assign_chunks(bundle, new, rows)
        except (InputError, OSError) as error:  # a file that was removed or changed since it was opened
            if len(files) == 1:
                skip_file(arrivals, files[0], error)
                continue
            for name in files:
                yield from assign_files(bundle, arrivals, [name], done)
        found = {str(value).partition("#")[0] for value in new.ids}
        for name in files:
            if name in found:
                arrivals.finish(name)
            else:
                skip_file(arrivals, name)


def read_files(
    bundle: ModelBundle, arrivals: Arrivals, names: Sequence[str]
) -> Iterator[tuple[Sequence[str], NewImages]]:
    """Yield the files that can be opened together, and their images; the others are marked as failed."""
    single = [name for name in names if Path(name).suffix.lower() in IMAGE_EXTENSIONS]
    try:
        parts = [(single, read_singly(bundle, arrivals, single))] if single else []
    except InputError:  # of one file or more; the others are read without them
        parts = [([name], None) for name in single]
    parts += [([name], None) for name in names if name not in set(single)]
    for files, new in parts:
        try:
            yield files, read_one(bundle, arrivals, files[0]) if new is None else new
        except (InputError, OSError) as error:
            skip_file(arrivals, files[0], error)


def skip_file(arrivals: Arrivals, name: str, error: Exception | None = None) -> None:
    """Print that a file was not read, and mark it as failed."""
    reason = "" if error is None else f": {' '.join(str(error).split())}"
    print(f"not read: {name}{reason}", flush=True)
    arrivals.fail(name)


def read_singly(bundle: ModelBundle, arrivals: Arrivals, names: Sequence[str]) -> NewImages:
    """Return the images of files with one image each; ids are the names."""
    paths = {str(arrivals.folder / name): name for name in names}
    new = read_new_images(bundle, list(paths), max_unreadable=0.0)
    return new._replace(ids=np.array([paths[str(value)] for value in new.ids]))


def read_one(bundle: ModelBundle, arrivals: Arrivals, name: str) -> NewImages:
    """Return the images of one file; ids are NAME, or NAME#NUMBER from 0 in a file of many images."""
    if Path(name).suffix.lower() in IMAGE_EXTENSIONS:
        return read_singly(bundle, arrivals, [name])
    new = read_new_images(bundle, str(arrivals.folder / name), max_unreadable=0.0)
    return new._replace(ids=np.array([f"{name}#{number}" for number in range(len(new.ids))]))


def keep_last(parts: list[MeasuredImages], limit: int) -> list[MeasuredImages]:
    """Return the last parts that together have at least `limit` images, or all."""
    count = 0
    for number in range(len(parts) - 1, -1, -1):
        count += len(parts[number].latents)
        if count >= limit:
            return parts[number:]
    return parts


@contextmanager
def end_by_signals() -> Iterator[None]:
    """Let SIGTERM, with which services are stopped, raise KeyboardInterrupt as Ctrl-C does, within the block."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
