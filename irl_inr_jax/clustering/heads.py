"""Select among heads: compare cluster sizes with the prior, detect collapse, keep the best head."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, Float32

from irl_inr_jax.types import InputError, PyTree

NEARLY_ALL = 0.95
LIVE_SHARE = 0.1  # share of its prior size from which a cluster counts as live


def make_prior(sizes: Sequence[float | int], num_clusters: int) -> Float32[np.ndarray, "k"]:
    """Normalise cluster sizes to shares that sum to 1; () is uniform.

    Raises InputError unless there is one positive size per cluster.
    """
    if not len(sizes):
        return np.full(num_clusters, 1 / num_clusters, np.float32)
    if len(sizes) != num_clusters or min(sizes) <= 0:
        raise InputError(
            f"expected {num_clusters} positive numbers in clustering.scan.prior, found {tuple(sizes)}; "
            f"give one per cluster, or () for a uniform prior"
        )
    return (np.asarray(sizes) / np.sum(sizes)).astype(np.float32)


def find_collapse(sizes: Float[np.ndarray, "k"], prior: Float[np.ndarray, "k"]) -> str:
    """Describe how clusters of these shares have collapsed; '' if they have not.

    Collapsed: one cluster has nearly all images, or not all clusters are live, that is, have at least a tenth of their
    prior share, with clusters and prior both sorted by size.
    """
    if len(sizes) == 1:
        return ""
    if sizes.max() >= max(NEARLY_ALL, (1 + prior.max()) / 2):
        return f"collapsed: one cluster has {100 * sizes.max():.0f} % of the images"
    live = int(np.sum(np.sort(sizes) >= LIVE_SHARE * np.sort(prior)))
    return f"collapsed: {live} of {len(sizes)} clusters are live" if live < len(sizes) else ""


@dataclasses.dataclass(frozen=True)
class BestHead:
    """Parameters with the best head only, its training loss, and a note on a collapse.

    is_healthy: whether this head had not collapsed itself.
    """

    params: PyTree
    loss: float
    collapse: str
    is_healthy: bool

    @classmethod
    def none(cls, params: PyTree) -> "BestHead":
        """Return the state before the first epoch."""
        return cls(keep_head(params, 0), float("inf"), "not trained", False)

    def after(
        self,
        params: PyTree,
        losses: Float[np.ndarray, "heads"],
        sizes: Float[np.ndarray, "heads k"],
        prior: Float[np.ndarray, "k"],
    ) -> "BestHead":
        """Return an epoch's head with the lowest training loss among those that have not collapsed.

        If all have collapsed, return this one with a note on the collapse.
        """
        for head in np.argsort(losses, kind="stable"):
            if not find_collapse(sizes[head], prior):
                return BestHead(keep_head(params, int(head)), float(losses[head]), "", True)
        lowest = int(np.argmin(losses))
        found = find_collapse(sizes[lowest], prior)
        if not self.is_healthy:
            return BestHead(keep_head(params, lowest), float(losses[lowest]), found, False)
        return dataclasses.replace(self, collapse=f"the best earlier state is used: the head {found}")


def keep_head(params: PyTree, head: int) -> PyTree:
    """Return the parameters with one head only."""
    return {**params, "heads": jax.tree.map(lambda leaf: leaf[head : head + 1], params["heads"])}
