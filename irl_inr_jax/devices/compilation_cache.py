"""JAX's persistent compilation cache: compiled programs that later runs reuse."""

import os

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
        settings = {
            "jax_enable_compilation_cache": True,
            "jax_compilation_cache_dir": os.path.abspath(
                folder or platformdirs.user_cache_dir("irl_inr_jax", appauthor=False)
            ),
            "jax_compilation_cache_max_size": MAX_BYTES,
            "jax_persistent_cache_min_compile_time_secs": MIN_COMPILE_SECONDS,
            "jax_persistent_cache_min_entry_size_bytes": -1,
        }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)
