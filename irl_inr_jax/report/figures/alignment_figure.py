"""The figure of the mean images of clusters before and after alignment."""

from pathlib import Path

import numpy as np

from irl_inr_jax.data.scaling import to_display
from irl_inr_jax.evaluation.alignment import ClusterMeans
from irl_inr_jax.report.figures.reconstruction_figures import save_image_rows
from irl_inr_jax.types import Scaling

_MAX_CLUSTERS = 36


def save_alignment(path: Path | str, means: ClusterMeans, scaling: Scaling, name: str) -> None:
    """Save the means of the largest clusters, before above after, each cluster on one scale of brightness.

    Sharp means after alignment show that the poses agree within the cluster. name: clusterer and data, for the title.
    """
    largest = np.argsort(-means.counts, kind="stable")[:_MAX_CLUSTERS]
    largest = largest[means.counts[largest] > 0]
    # Means are faint; the largest difference from the background of either mean is shown at full contrast.
    units = [images[largest] * scaling.scale for images in (means.before, means.after)]
    peaks = np.maximum(*(np.abs(unit).max(axis=(1, 2, 3)) for unit in units))
    rows = {
        label: to_display(scaling, unit / np.maximum(peaks, 1e-12)[:, None, None, None])
        for label, unit in zip(("before", "aligned"), units, strict=True)
    }
    before, after = (f"{100 * share:.0f} %" for share in means.sharpness)
    shown = "largest first"
    if len(largest) < np.sum(means.counts > 0):
        shown = f"the {_MAX_CLUSTERS} largest of {np.sum(means.counts > 0)}"
    save_image_rows(
        path,
        rows,
        f"Mean image of each cluster before and after alignment: {name}",
        f"images: {means.counts.sum():,} · clusters: {shown} · share of the images' energy in the means: {before} "
        f"before, {after} after",
        headings=[f"cluster {cluster}" for cluster in largest],
    )
