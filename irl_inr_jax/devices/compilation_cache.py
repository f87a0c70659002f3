"""JAX's persistent compilation cache: compiled programs that later runs reuse."""

import contextlib
import os
from pathlib import Path

import jax
import platformdirs

MAX_BYTES = 2 * 1024**3
MIN_COMPILE_SECONDS = 0.1
OFF = "off"


def enable_compilation_cache(folder: str | None) -> None:
    """Enable the cache for this process and the processes that it starts.

    folder: a path, `OFF`, or None for the user's cache folder. With None, the variables JAX_COMPILATION_CACHE_DIR and
    JAX_ENABLE_COMPILATION_CACHE take precedence. JAX warns about a folder that it cannot write, and compiles anyway.
    """
    if folder is None and os.environ.keys() & {"JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"}:
        return
    if folder == OFF:
        settings = {"jax_enable_compilation_cache": False}
    else:
        place = os.path.abspath(folder or platformdirs.user_cache_dir("irl_inr_jax", appauthor=False))
        remove_unfinished(Path(place))
        settings = {
            "jax_enable_compilation_cache": True,
            "jax_compilation_cache_dir": place,
            "jax_compilation_cache_max_size": MAX_BYTES,
            "jax_persistent_cache_min_compile_time_secs": MIN_COMPILE_SECONDS,
            "jax_persistent_cache_min_entry_size_bytes": -1,
        }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


def remove_unfinished(folder: Path) -> None:
    """Remove the programs that a process was writing when it was killed.

    With a maximum size, JAX writes the time of the last use after the program. It would keep a part of a program for
    good, and fail to add others while a time is missing. A folder without such times, of a cache without a maximum
    size, is left as it is.
    """
    used = {path.name.removesuffix("-atime") for path in folder.glob("*-atime")}
    for program in folder.glob("*-cache") if used else ():
        if program.name.removesuffix("-cache") not in used:
            with contextlib.suppress(OSError):
                program.unlink()
