"""Keys of the block `clustering`: settings of the clusterers, none of which is read in training."""

from irl_inr_jax.config.rules import (
    ANY,
    AUGMENTATIONS,
    POSITIVE,
    POSITIVE_COUNTS,
    RELATIVE_SIZES,
    SHARE,
    SHARE_BELOW_ONE,
    SIZES,
    WIDTHS,
    Block,
    Key,
    at_least,
    one_of,
    zero_or_at_least,
)

CLUSTERERS = (
    "kmeans",
    "agglomerative",
    "agglomerative_average",
    "agglomerative_complete",
    "gmm",
    "diffusion",
    "consensus",
    "dbscan",
    "hdbscan",
    "umap_kmeans",
    "dec",
    "iic",
    "scan",
    "orbit_knn",
    "orbit_selflabel",
)


def clustering_keys() -> Block:
    """Return the settings by clusterer, and those of several of them."""
    return {
        "vote_neighbours": Key(10, at_least(1), "fitted images that vote on an image if an algorithm has no rule"),
        "sizes": Key("damped", SIZES, "of the clusters of orbit_knn and orbit_selflabel: docs/clustering.md"),
        "dbscan": {
            "eps": Key(
                0.0, at_least(0), "largest distance between neighbours; 0 chooses the one nearest to k clusters"
            ),
            "min_samples": Key(10, at_least(1), "images within eps that make a core image"),
        },
        "hdbscan": {
            "min_cluster_size": Key(0, zero_or_at_least(2), "images that make a cluster; 0 is 1 %, at least 5"),
            "min_samples": Key(10, at_least(1), "neighbours over which the density at an image is estimated"),
        },
        "gmm": {"covariance": Key("full", one_of("full", "tied", "diag", "spherical"), "form of the covariances")},
        "diffusion": {
            "num_neighbours": Key(15, at_least(1), "degree of the graph"),
            "num_dims": Key(30, at_least(1), "dimensions of the diffusion map; at least k are used"),
            "num_steps": Key(10, at_least(1), "steps of the random walk"),
        },
        "consensus": consensus_keys(),
        "umap": {
            "num_neighbours": Key(15, at_least(1), "degree of the graph"),
            "num_dims": Key(5, at_least(1), "dimensions of the embedding that k-means runs on"),
        },
        "orbit_knn": {
            "num_neighbours": Key(15, at_least(1), "degree of the graph"),
            "num_dims": Key(30, at_least(1), "dimensions of the diffusion map; at least k are used"),
            "num_steps": Key(10, at_least(1), "steps of the random walk; more steps smooth over detail"),
        },
        "orbit_selflabel": orbit_selflabel_keys(),
        "dec": {
            "alpha": Key(1.0, POSITIVE, "degrees of freedom of Student's t distribution; the thesis uses 0.0001"),
            "num_epochs": Key(100, at_least(1), "largest number of epochs"),
            "batch_size": Key(256, at_least(1), "images per step"),
            "learning_rate": Key(1e-4, at_least(0), "of Adam"),
            "tolerance": Key(0.001, at_least(0), "stop when a smaller share of images changes its cluster per epoch"),
        },
        "iic": {
            "num_epochs": Key(50, at_least(1), "passes over the fitted images"),
            "batch_size": Key(512, at_least(1), "images per step, from which the joint distribution is estimated"),
            "learning_rate": Key(1e-4, at_least(0), "of Adam"),
            "head_start": Key("kmeans", one_of("kmeans", "random"), "initial head"),
            "num_heads": Key(5, at_least(1), "heads; the one with the lowest training loss is used"),
            "neighbours": Key("orbits", one_of("orbits", "none"), "pairs of an image and a neighbour, or itself"),
            "augment": Key("s1+r+t", AUGMENTATIONS, "as in scan.augment"),
        },
        "scan": scan_keys(),
    }


def consensus_keys() -> Block:
    """The clusterer consensus."""
    return {
        "wafers_weight": Key(0.0, at_least(0), "spread of the features of wafers against that of z; 0 for z alone"),
        "without_pattern": Key(False, ANY, "wafers: maps without a pattern are cluster 0, found before the others"),
        "num_neighbours": Key(30, at_least(1), "degree of the graph whose modularity is maximised"),
        "num_candidates": Key(6, at_least(1), "partitions; the one that agrees most with the others is used"),
        "num_components": Key(50, at_least(0), "principal components of latents with more dimensions; 0 for all"),
        "num_runs": Key(40, at_least(1), "k-means of each candidate"),
        "num_means": Key((40, 80), POSITIVE_COUNTS, "clusters of these k-means, in turn; at least twice k"),
        "num_smoothed": Key(15, at_least(1), "nearest neighbours over which each k-means is smoothed"),
        "num_micro": Key(300, at_least(1), "micro-clusters that are merged; at least twice k"),
        "vote_neighbours": Key(20, at_least(1), "fitted images that vote on a new image"),
    }


def orbit_selflabel_keys() -> Block:
    """The clusterer orbit_selflabel. Lengths are shares of the radius of the content."""
    return {
        "labels": Key("orbit_knn", one_of("orbit_knn", "consensus"), "first labels: of the images, or consensus on z"),
        "num_epochs": Key(15, at_least(1), "passes over the fitted images in a round"),
        "min_steps": Key(300, at_least(1), "least number of steps of a round, for few images"),
        "max_steps": Key(6000, at_least(1), "largest number of steps of a round, for many images"),
        "num_rounds": Key(2, at_least(1), "classifiers that are trained in turn, each on the labels of the one before"),
        "batch_size": Key(256, at_least(1), "images per step"),
        "learning_rate": Key(2e-3, at_least(0), "peak, of AdamW"),
        "weight_decay": Key(1e-2, at_least(0), "of AdamW"),
        "smoothing": Key(0.1, SHARE_BELOW_ONE, "share of a label that is spread over all clusters"),
        "average_decay": Key(0.996, SHARE_BELOW_ONE, "decay of the average of the weights, which assigns the images"),
        "widths": Key((64, 96, 128), WIDTHS, "features of each convolution along the angle"),
        "hidden_width": Key(256, at_least(1), "width of the first layer after the mean and maximum over the angle"),
        "feature_width": Key(128, at_least(1), "width of the second"),
        "distortion": {
            "scale": Key(0.08, at_least(0), "standard deviation of the relative size"),
            "stretch": Key(0.06, at_least(0), "standard deviation of the stretch along one axis"),
            "shear": Key(0.1, at_least(0), "standard deviation of the shear"),
            "shift": Key(0.0375, at_least(0), "standard deviation of the shift per axis"),
            "wave": Key(0.028, at_least(0), "amplitude of three random plane waves of displacement"),
        },
    }


def scan_keys() -> Block:
    """The clusterer scan."""
    return {
        "neighbours": Key("orbits", one_of("orbits", "latents"), "of the images under all rotations, or on z"),
        "num_neighbours": Key(20, at_least(1), "neighbours mined for each image"),
        "include_anchor": Key(False, ANY, "sample the image itself among its neighbours too, as published"),
        "standardise": Key(True, ANY, "shift and scale the latents by their mean and deviation; published without"),
        "batch_norm": Key("frozen", one_of("frozen", "train"), "train: statistics of each batch, as published"),
        "distance": Key("euclidean", one_of("euclidean", "cosine"), "distance between latents"),
        "head_start": Key(
            "kmeans", one_of("kmeans", "random", "uniform"), "initial head; uniform in 1 / sqrt(d), as published"
        ),
        "num_heads": Key(1, at_least(1), "heads; the one with the lowest training loss is used"),
        "prior": Key((), RELATIVE_SIZES, "expected relative sizes of the clusters in any order; () is uniform"),
        "entropy_weight": Key(5.0, at_least(0), "lambda, the weight of the term that holds sizes near the prior"),
        "num_epochs": Key(50, at_least(1), "clustering stage: passes over the fitted images"),
        "batch_size": Key(128, at_least(1), "images, each with a neighbour, per step"),
        "learning_rate": Key(1e-4, at_least(0), "of Adam"),
        "weight_decay": Key(1e-4, at_least(0), "of Adam, added to the gradient, in both stages"),
        "selflabel_epochs": Key(200, at_least(0), "self-label stage: largest number of epochs; 0 omits the stage"),
        "selflabel_batch_size": Key(1000, at_least(1), "images per step"),
        "selflabel_learning_rate": Key(1e-5, at_least(0), "of Adam"),
        "selflabel_threshold": Key(0.9, SHARE, "confidence from which an image is a pseudo-label"),
        "average_decay": Key(0.0, SHARE_BELOW_ONE, "decay of the average of the weights in the self-label stage"),
        "augment": Key("r+t", AUGMENTATIONS, "joined by +: s1 (crop, colour, blur), s2 (RandAugment, cutout), r, t"),
    }
