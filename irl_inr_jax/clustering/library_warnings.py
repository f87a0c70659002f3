"""Warnings of clustering libraries about what their callers note or expect."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning

from irl_inr_jax.devices.shared_context import SharedContext


@contextmanager
def _ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # k-means of fewer distinct points than clusters, mixtures
        for library in ("umap", "numba", "sklearn"):  # disconnected graphs, the single thread, argument names
            warnings.filterwarnings("ignore", module=rf"{library}\.")
        yield


# Ignores them within a block. The filters are those of the whole process, whose threads may cluster at once.
without_library_warnings = SharedContext(_ignored)
