"""Assign clusters by a vote of nearest neighbours."""

import numpy as np
from jaxtyping import Float32, Int, Int32


def vote(
    clusters: Int[np.ndarray, "n"], neighbours: Int[np.ndarray, "m q"]
) -> tuple[Int32[np.ndarray, "m"], Float32[np.ndarray, "m"]]:
    """Return the most common cluster among each image's neighbours and its share; ties go to the nearer neighbour."""
    ballots = clusters[neighbours]
    agreeing = (ballots[:, :, None] == ballots[:, None, :]).sum(axis=2)
    first = agreeing.argmax(axis=1)
    rows = np.arange(len(ballots))
    return ballots[rows, first].astype(np.int32), (agreeing[rows, first] / ballots.shape[1]).astype(np.float32)


def agreement(clusters: Int[np.ndarray, "n"], neighbours: Int[np.ndarray, "n q"]) -> Float32[np.ndarray, "n"]:
    """Return the share of each image's neighbours that are in its cluster."""
    return (clusters[neighbours] == clusters[:, None]).mean(axis=1).astype(np.float32)
