"""Which head to take, and when not to: sizes of clusters against the prior, and what counts as collapse."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, Float32

from irl_inr_jax.types import InputError, PyTree

NEARLY_ALL = 0.95
LIVE_SHARE = 0.1  # of its share in the prior, from which on a cluster counts as live


def make_prior(sizes: Sequence[float | int], num_clusters: int) -> Float32[np.ndarray, "k"]:
    """Shares of the clusters that add to 1, from numbers in that proportion; () is uniform.

    Raises InputError for another number of sizes than clusters, or one that is not positive.
    """
    if not len(sizes):
        return np.full(num_clusters, 1 / num_clusters, np.float32)
    if len(sizes) != num_clusters or min(sizes) <= 0:
        raise InputError(
            f"expected {num_clusters} positive numbers in clustering.scan.prior, one a cluster, found {tuple(sizes)}; "
            f"() is uniform"
        )
    return (np.asarray(sizes) / np.sum(sizes)).astype(np.float32)


def find_collapse(sizes: Float[np.ndarray, "k"], prior: Float[np.ndarray, "k"]) -> str:
    """What is wrong with clusters of these shares, in words; '' if nothing is.

    One cluster holds nearly all images, or fewer clusters live than asked for: those that hold a tenth of what the
    prior, in order of size, gives them.
    """
    if len(sizes) == 1:
        return ""
    if sizes.max() >= max(NEARLY_ALL, (1 + prior.max()) / 2):
        return f"collapsed: one cluster holds {100 * sizes.max():.0f} % of the images"
    live = int(np.sum(np.sort(sizes) >= LIVE_SHARE * np.sort(prior)))
    return f"collapsed: {live} of {len(sizes)} clusters live" if live < len(sizes) else ""


@dataclasses.dataclass(frozen=True)
class BestHead:
    """The parameters with the one head to be taken, its training loss, and what is to be said of a collapse.

    healthy: whether it is a head that had not collapsed itself.
    """

    params: PyTree
    loss: float
    collapse: str
    healthy: bool

    @classmethod
    def none(cls, params: PyTree) -> "BestHead":
        """Before the first epoch."""
        return cls(keep_head(params, 0), float("inf"), "not trained", False)

    def after(
        self,
        params: PyTree,
        losses: Float[np.ndarray, "heads"],
        sizes: Float[np.ndarray, "heads k"],
        prior: Float[np.ndarray, "k"],
    ) -> "BestHead":
        """The head of an epoch with the lowest training loss among those that have not collapsed.

        If all have, this one, with a word on what has happened since.
        """
        for head in np.argsort(losses, kind="stable"):
            if not find_collapse(sizes[head], prior):
                return BestHead(keep_head(params, int(head)), float(losses[head]), "", True)
        lowest = int(np.argmin(losses))
        found = find_collapse(sizes[lowest], prior)
        if not self.healthy:
            return BestHead(keep_head(params, lowest), float(losses[lowest]), found, False)
        return dataclasses.replace(self, collapse=f"the best earlier state kept: the head {found}")


def keep_head(params: PyTree, head: int) -> PyTree:
    """The same with one head."""
    return {**params, "heads": jax.tree.map(lambda leaf: leaf[head : head + 1], params["heads"])}
