"""Compiled programs, kept on disk from one run to the next."""

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
from pathlib import Path

import jax

MAX_BYTES = 2 * 1024**3
MIN_COMPILE_SECONDS = 0.1  # what compiles sooner is not worth a file
OFF = "off"


def enable_compilation_cache(asked: str | None) -> None:
    """Lets JAX keep what it compiles, in this process and those that it starts.

    asked: a folder, `OFF`, or None for a folder in the user's cache. With None, all is left to JAX where the
    environment names a folder for it, or says whether to keep programs. A folder that cannot be written is a warning,
    and nothing is kept.
    """
    if asked == OFF:
        _set_for_jax({"jax_enable_compilation_cache": False})
        return
    if asked is None and os.environ.keys() & {"JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"}:
        return
    try:
        folder = (Path(asked) if asked else _user_cache()) / f"cpu-{_cpu_digest()}"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        drop_oldest(folder, MAX_BYTES)
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        print(
            f"warning: expected a folder for compiled programs that can be written, found {error}; none are kept; "
            f"--compilation_cache=DIR names another folder",
            file=sys.stderr,
        )
        return
    _set_for_jax(
        {
            "jax_enable_compilation_cache": True,
            "jax_compilation_cache_dir": str(folder.absolute()),
            "jax_persistent_cache_min_compile_time_secs": MIN_COMPILE_SECONDS,
            "jax_persistent_cache_min_entry_size_bytes": -1,
        }
    )


def drop_oldest(folder: Path, max_bytes: int) -> None:
    """Removes the programs written longest ago, until the others fit into `max_bytes`.

    JAX's own limit is not used: it needs another package to lock the folder at every read, and a run killed while it
    writes leaves a file without the time of its use, over which every later write fails.
    """
    found = []
    for path in folder.glob("*-cache"):
        with contextlib.suppress(FileNotFoundError):  # another process drops them too
            found.append((path.stat(), path))
    total = 0
    for facts, path in sorted(found, key=lambda entry: entry[0].st_mtime, reverse=True):
        total += facts.st_size
        if total > max_bytes:
            path.unlink(missing_ok=True)


def _user_cache() -> Path:
    own = {"darwin": Path.home() / "Library" / "Caches", "win32": Path.home() / "AppData" / "Local"}
    default = own.get(sys.platform, Path.home() / ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "irl_inr_jax"


def _cpu_digest() -> str:
    """Of the processor's model and instruction sets.

    XLA compiles for the very processor, and JAX's own key does not tell one from another: in a home that unlike
    machines share, one would run into the other's instructions.
    """
    try:
        facts = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        kept = [line for line in facts if line.startswith(("model name", "flags", "CPU", "Features"))]
    except OSError:
        kept = [platform.processor()]
    return hashlib.sha256("\n".join([platform.machine(), *kept]).encode()).hexdigest()[:8]


def _set_for_jax(settings: dict[str, str | float | bool]) -> None:
    """Here, and in the environment for scripts that this one starts."""
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)
