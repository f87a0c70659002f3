"""Latents onto the plane, to be looked at."""

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

_NUM_COMPONENTS = 30
_MAX_PERPLEXITY = 30
_MIN_ROWS = 8


def project_latents(
    latents: Float[np.ndarray, "n d"], seed: int, max_points: int = 3000
) -> tuple[Float[np.ndarray, "m 2"], Int[np.ndarray, "m"]]:
    """Points in the plane (t-SNE of the first 30 principal components) and which rows of `latents` they are, ascending.

    Above `max_points` rows a seeded random subset is shown, since t-SNE takes a minute for about 10,000. Fewer than
    eight rows, or latents all alike, have no neighbourhoods to keep: their first two principal components are returned.
    Distances between far groups and the sizes of groups mean nothing in such a map.
    """
    rows = np.arange(len(latents))
    if len(latents) > max_points:
        rows = np.sort(np.random.default_rng(seed).choice(len(latents), max_points, replace=False))
    chosen = latents[rows].astype(np.float64)
    num_components = min(_NUM_COMPONENTS, *chosen.shape)
    # The solver that scikit-learn would choose by itself draws random numbers.
    components = PCA(num_components, svd_solver="full").fit_transform(chosen)
    start = np.zeros((len(rows), 2))
    start[:, : min(2, num_components)] = components[:, :2]
    spread = start[:, 0].std()
    if len(rows) < _MIN_ROWS or spread == 0:
        return start, rows
    perplexity = min(_MAX_PERPLEXITY, (len(rows) - 1) / 3)
    # Started from the components, the map keeps the layout at large, and is the same from run to run.
    tsne = TSNE(2, perplexity=perplexity, init=(1e-4 / spread * start).astype(np.float32), random_state=seed)
    return tsne.fit_transform(components).astype(np.float64), rows
