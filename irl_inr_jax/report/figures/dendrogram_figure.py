"""The figure of a hierarchical clustering: the last merges, with images below every leaf."""

from itertools import groupby
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram

from irl_inr_jax.metrics.clustering_scores import NOISE
from irl_inr_jax.report.figures import canvas
from irl_inr_jax.report.figures.classes import choose_colours
from irl_inr_jax.report.figures.tiles import choose_side, tile_images

_TREE_HEIGHT = 300
_NUM_SAMPLES = 5
_SIDE = 30
_TOP = canvas.TITLE_HEIGHT + 12
_MIXED = NOISE
_INK = 0.25  # darker than the grey among the colours of clusters


def save_dendrogram(
    path: Path | str,
    linkage: Float[np.ndarray, "merges 4"],
    clusters: Int[np.ndarray, "m"],
    images: Float[np.ndarray, "m h w c"],
    *,
    name: str,
    num_leaves: int = 30,
) -> None:
    """Save the last merges of SciPy's `linkage` of m = merges + 1 images, down to `num_leaves` leaves.

    Below a leaf are the number of its images, up to five random ones, and its cluster. Branches within one cluster have
    the cluster's colour; branches that join several, and noise, are dark grey. The dashed line is the height that cuts
    the tree into as many parts as there are clusters. name: clusterer and data, for the title.
    """
    leaves = _order_leaves(linkage, num_leaves)
    members = _find_members(linkage, leaves)
    side = choose_side(images, target=_SIDE)
    counts = [f"{len(rows):,}" for rows in members]
    step = max(side + 4, 8 + max(canvas.measure_text(count, canvas.SMALL_POINTS) for count in counts))
    num_clusters = len(np.unique(clusters[clusters != NOISE]))
    left, samples_top = canvas.MARGIN + 52, _TOP + _TREE_HEIGHT + 28
    samples_height = min(_NUM_SAMPLES, max(map(len, members))) * (side + 2)
    figure = canvas.make_figure(
        left + step * len(leaves) + canvas.MARGIN,
        samples_top + samples_height + 52,
        f"Dendrogram, cut into {num_clusters} clusters: {name}",
        f"images: {len(images):,} · below each leaf: number of images, examples and cluster · dashed: the cut",
    )
    colours = np.vstack([choose_colours(int(clusters.max()) + 1), np.full((1, 3), _INK)])  # the last for `_MIXED`
    leaf_clusters = [_find_cluster(clusters[rows]) for rows in members]
    axes = canvas.place_axes(figure, left, _TOP, step * len(leaves), _TREE_HEIGHT)
    _draw_tree(axes, linkage, leaves, leaf_clusters, colours)
    _draw_cut(axes, linkage, num_clusters)
    rng = np.random.default_rng(0)
    for i, rows in enumerate(members):
        center = left + i * step + step // 2
        canvas.write_text(figure, center, samples_top - 20, counts[i], ha="center", fontsize=canvas.SMALL_POINTS)
        sample = images[rng.permutation(rows)[:_NUM_SAMPLES]]
        tiled = tile_images(sample, num_columns=1, side=side, gap=2)
        canvas.place_pixels(figure, center - side // 2, samples_top, tiled)
    _write_clusters(figure, leaf_clusters, colours, left=left, top=samples_top + samples_height + 6, step=step)
    canvas.save_png(figure, path)


def _order_leaves(linkage: Float[np.ndarray, "merges 4"], num_leaves: int) -> list[int]:
    """Return the nodes of the tree that become leaves, from left to right; node i < m is image i."""
    if len(linkage) == 0:
        return [0]
    num_shown = min(max(num_leaves, 2), len(linkage) + 1)
    return dendrogram(linkage, p=num_shown, truncate_mode="lastp", no_plot=True)["leaves"]


def _find_members(linkage: Float[np.ndarray, "merges 4"], leaves: list[int]) -> list[Int[np.ndarray, "rows"]]:
    """Return the rows of the images below each leaf."""
    num_images = len(linkage) + 1
    leaf_of = np.full(2 * num_images - 1, -1)
    leaf_of[leaves] = np.arange(len(leaves))
    # From the top down, so that each node has its leaf before its children.
    for merge in range(num_images - len(leaves) - 1, -1, -1):
        leaf_of[linkage[merge, :2].astype(int)] = leaf_of[num_images + merge]
    return [np.flatnonzero(leaf_of[:num_images] == leaf) for leaf in range(len(leaves))]


def _find_cluster(clusters: Int[np.ndarray, "rows"]) -> int:
    return int(clusters[0]) if np.all(clusters == clusters[0]) else _MIXED


def _draw_tree(
    axes: Axes,
    linkage: Float[np.ndarray, "merges 4"],
    leaves: list[int],
    leaf_clusters: list[int],
    colours: Float[np.ndarray, "k 3"],
) -> None:
    """Draw each merge as a bracket whose vertical lines have the colour of the cluster below them."""
    num_images = len(linkage) + 1
    # Node → x position, height, cluster.
    nodes = {leaf: (i + 0.5, 0.0, leaf_clusters[i]) for i, leaf in enumerate(leaves)}
    for merge in range(num_images - len(leaves), len(linkage)):
        height = linkage[merge, 2]
        (x1, y1, cluster1), (x2, y2, cluster2) = (nodes[int(child)] for child in linkage[merge, :2])
        cluster = cluster1 if cluster1 == cluster2 else _MIXED
        nodes[num_images + merge] = (x1 + x2) / 2, height, cluster
        for xs, ys, colour in (([x1, x1], [y1, height], cluster1), ([x2, x2], [y2, height], cluster2)):
            axes.plot(xs, ys, color=colours[colour], linewidth=1.5, solid_capstyle="butt")
        axes.plot([x1, x2], [height, height], color=colours[cluster], linewidth=1.5, solid_capstyle="projecting")
    top = linkage[-1, 2] if len(linkage) else 0.0
    axes.set(xlim=(0, len(leaves)), ylim=(0, 1.1 * top or 1.0), xticks=[])
    axes.set_ylabel("merge height", fontsize=canvas.TEXT_POINTS, color=canvas.INK)


def _draw_cut(axes: Axes, linkage: Float[np.ndarray, "merges 4"], num_clusters: int) -> None:
    """Draw the cut halfway between the last merge below it and the first above it."""
    heights = np.concatenate([[0.0], linkage[:, 2], [1.1 * linkage[-1, 2] if len(linkage) else 0.0]])
    merges_above = max(num_clusters, 1) - 1
    cut = heights[-2 - merges_above : len(heights) - merges_above].mean()
    axes.axhline(cut, color=canvas.INK, linewidth=1, linestyle=(0, (4, 3)))


def _write_clusters(
    figure: Figure, leaf_clusters: list[int], colours: Float[np.ndarray, "k 3"], *, left: int, top: int, step: int
) -> None:
    """Draw a bar in the cluster's colour below adjacent leaves of one cluster, and write its number."""
    first = 0
    for cluster, group in groupby(leaf_clusters):
        last = first + len(list(group))
        axes = canvas.place_axes(figure, left + first * step + 2, top, (last - first) * step - 4, 4)
        axes.set_axis_off()
        axes.axhspan(0, 1, color=colours[cluster])
        if cluster != _MIXED:
            center = left + (first + last) * step // 2
            canvas.write_text(figure, center, top + 8, str(cluster), ha="center", fontsize=canvas.SMALL_POINTS)
        first = last
