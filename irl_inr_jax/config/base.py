"""Every key of a configuration with its default, its valid values and a line of documentation.

A preset calls `get_config`, sets the keys that differ and ends with `choose` of irl_inr_jax/config/variants.py. The
configuration is locked: a key that is not declared is an error wherever it is set. `check_config` of
irl_inr_jax/config/checks.py applies the rules. Further blocks are in model_keys.py, loss_keys.py and
clustering_keys.py.
"""

from ml_collections import ConfigDict

from irl_inr_jax.config.clustering_keys import CLUSTERERS, clustering_keys
from irl_inr_jax.config.loss_keys import loss_keys, simclr_keys, vae_keys
from irl_inr_jax.config.model_keys import model_keys
from irl_inr_jax.config.rules import (
    ANY,
    AREA,
    BOXES,
    COLUMN_NAMES,
    COUNTS,
    LENGTH_PAIR,
    LENGTHS,
    OPEN_SHARE,
    SHARE,
    SHARE_BELOW_ONE,
    SIDE_OR_ZERO,
    Block,
    Key,
    at_least,
    between,
    multiple_of,
    number_or,
    one_of,
    several_of,
)

METHODS = (
    "irl_inr",
    "thesis",
    "spatial_vae",
    "target_vae",
    "simclr",
    "mlp_generator",
    "autoencoder",
    "orbit_knn",
    "wafer_features",
)


def get_config() -> ConfigDict:
    """Return the defaults: the recipe whose latents cluster best, for one GPU, locked."""
    return ConfigDict(_defaults(list_keys())).lock()


def list_keys() -> Block:
    """Return every key by block."""
    return {
        "method": Key("irl_inr", one_of(*METHODS), "the method that is trained: a module of irl_inr_jax/methods"),
        "seed": Key(0, at_least(0), "seed of parameters, shuffling and views; not of the data"),
        "data": data_keys(),
        "model": model_keys(),
        "loss": loss_keys(),
        "vae": vae_keys(),
        "simclr": simclr_keys(),
        "augment": augment_keys(),
        "orbits": orbit_keys(),
        "wafers": wafer_keys(),
        "views": view_keys(),
        "train": train_keys(),
        "speed": speed_keys(),
        "evaluation": evaluation_keys(),
        "clustering": clustering_keys(),
    }


def _defaults(block: Block) -> dict:
    return {name: key.default if isinstance(key, Key) else _defaults(key) for name, key in block.items()}


def data_keys() -> Block:
    """Images, and how they are prepared."""
    return {
        "name": Key("digits_u", ANY, "name of a data set in irl_inr_jax/data/datasets"),
        "root": Key("data", ANY, "folder of the published data sets: mnist/, wm811k/, ...: see docs/data.md"),
        "path": Key("", ANY, "your images, for 'images': a folder, a pattern, a table, or a file of many images"),
        "num_train": Key(0, at_least(0), "number of training images; 0 is all"),
        "num_test": Key(0, at_least(0), "number of test images; 0 is all"),
        "test_fraction": Key(0.0, SHARE_BELOW_ONE, "share held out for testing if the publisher made no split"),
        "num_classes": Key(0, at_least(0), "number of classes, those with the most images; 0 is all"),
        "class_images": Key((), COUNTS, "(train, test) images of each class at most, as a new split; () is all"),
        "exclude_classes": Key((), ANY, "labels to omit, e.g. (9,)"),
        "seed": Key(0, at_least(0), "seed of the poses, the subsets and the split"),
        "canvas": Key(0, SIDE_OR_ZERO, "side in pixels that images are padded to; 0 keeps the publisher's"),
        "translation_px": Key(0.0, at_least(0), "standard deviation per axis of added shifts, in pixels of the canvas"),
        "resize": Key(0, SIDE_OR_ZERO, "side in pixels that the padded squares are resized to; 0 keeps it"),
        "resampling": Key("area", one_of("area", "nearest", "max"), "method of resizing, also of wafer maps"),
        "same_scale": Key(True, ANY, "one factor for all images, so that sizes compare; False fills each square"),
        "crop": Key("none", one_of("none", "circle"), "circle: pixels outside the inscribed circle are background"),
        "mask": Key((), BOXES, "(top, bottom, left, right) that become background, such as a scale bar: see inspect"),
        "background": Key("auto", number_or("auto", "image"), "auto (median of borders), image (each its own), number"),
        "invert": Key(False, ANY, "swap dark and bright in images both brighter and darker than their background"),
        "scaling": Key(
            "auto", one_of("auto", "type", "extremes", "percentiles"), "values that become 0 and 1: see docs/data.md"
        ),
        "path_column": Key("path", ANY, "column of a table with the path of the image"),
        "label_column": Key("label", ANY, "column of a table with the class; the default one may be missing"),
        "images_key": Key("images", ANY, "array of images in HDF5 and npz files; HDF5: the default one may be missing"),
        "labels_key": Key("labels", ANY, "array of labels in HDF5 and npz files; the default one may be missing"),
        "labels_path": Key("", ANY, "labels of a file of many images: .npy, .npz, .h5, .txt or a table"),
        "die_columns": Key(
            ("wafer", "x", "y", "bin"), COLUMN_NAMES, "columns of die_list; lot+wafer joins two to the name of a wafer"
        ),
        "pass_bins": Key((1,), ANY, "bins of die_list of dies that passed"),
        "max_unreadable": Key(0.01, SHARE, "share of unreadable files that are skipped and listed; more are an error"),
        "memory_mb": Key(2000, at_least(0), "images larger than this many megabytes stay on disk and are streamed"),
    }


def augment_keys() -> Block:
    """Strengths of the augmentations s1, s2 and t, for simclr and the clusterers that train."""
    return {
        "crop_area": Key((0.6, 1.0), AREA, "s1: range of the share of the image that is kept"),
        "flip": Key(False, ANY, "s1: mirror every other image; right for wafers, wrong for digits"),
        "jitter": Key(0.4, at_least(0), "s1: strength of changes of brightness, contrast and saturation"),
        "blur_px": Key(1.0, at_least(0), "s1: largest standard deviation of the blur"),
        "num_ops": Key(4, between(0, 14), "s2: number of RandAugment's 14 operations"),
        "cutout_px": Key(16, at_least(0), "s2: largest side of the hole"),
        "translation": Key(0.07, SHARE, "t: largest shift per axis, as a share of the side"),
    }


def orbit_keys() -> Block:
    """Neighbours of images, and polar images, for the method orbit_knn and the search under all rotations."""
    return {
        "distance": Key(
            "rotations", one_of("rotations", "wafers"), "smallest over all rotations, or that of the features of wafers"
        ),
        "num_angles": Key(48, multiple_of(4), "rotations that are compared, and points on each circle"),
        "num_radii": Key(20, at_least(1), "circles"),
        "radius": Key(0.0, at_least(0), "of the disc that is compared, in half sides; 0 measures it on the images"),
        "centre": Key("mass", one_of("mass", "image"), "centre of the rotations: centre of mass, or middle"),
        "mirror": Key(False, ANY, "also compare mirror images; right for wafers, wrong for digits"),
        "num_candidates": Key(200, at_least(1), "nearest images by the invariant spectrum that are compared exactly"),
        "rerank": Key(True, ANY, "order the nearest candidates by the image distortion model: docs/clustering.md"),
        "num_reranked": Key(50, at_least(1), "candidates that are re-ranked, and neighbours that are kept"),
    }


def wafer_keys() -> Block:
    """Features of wafers: method wafer_features, orbits.distance=wafers. Lengths: pixels of a map 64 pixels wide."""
    return {
        "pass_level": Key(80 / 255, OPEN_SHARE, "value of a die that passed; outside the wafer 0, a failed die 1"),
        "scales_px": Key((1.0, 2.0, 4.0), LENGTHS, "standard deviations of the blurs; the middle one is for spectra"),
        "line_px": Key((5.0, 0.9), LENGTH_PAIR, "standard deviations of the line detector along and across the line"),
        "num_orientations": Key(8, at_least(2), "of the line detector"),
        "num_radii": Key(20, at_least(1), "rings about the image centre"),
        "num_angles": Key(64, at_least(8), "points on each ring"),
        "num_frequencies": Key(12, at_least(1), "lowest frequencies along the rings that are kept"),
        "averaged_rings": Key(2.0, at_least(0), "rings over which shapes are averaged: standard deviation; 0 for none"),
        "statistics_weight": Key(0.05, at_least(0), "weight of the statistics of bands against the spectra"),
    }


def view_keys() -> Block:
    """Second views of an image in training."""
    return {
        "translation_px": Key(0.0, at_least(0), "standard deviation per axis of the shift of the second view"),
        "interpolation": Key("bilinear", one_of("bilinear", "nearest"), "interpolation of transformed images"),
        "fill": Key(0.0, SHARE, "value outside the image"),
    }


def train_keys() -> Block:
    """Length of the run, optimizer and files."""
    return {
        "num_epochs": Key(100, at_least(0), "passes over the training images; more of them continue a run"),
        "batch_size": Key(64, at_least(1), "images per step, over all devices"),
        "optimizer": Key(
            "adamw", one_of("adam", "adamw"), "adam adds weight decay to the gradient, adamw decouples it"
        ),
        "learning_rate": Key(1e-3, at_least(0), "peak learning rate"),
        "weight_decay": Key(0.0, at_least(0), "factor of the parameters"),
        "b1": Key(0.9, SHARE_BELOW_ONE, "Adam's decay of the first moment"),
        "b2": Key(0.99, SHARE_BELOW_ONE, "Adam's decay of the second moment"),
        "schedule": Key("cosine", one_of("constant", "cosine"), "cosine: to 1 % of the peak"),
        "warmup_steps": Key(100, at_least(0), "steps of linear growth from 0"),
        "clip_norm": Key(1.0, at_least(0), "largest norm of the gradient; 0 for no bound"),
        "holdout": Key(0.0, SHARE_BELOW_ONE, "share of the training images on which heldout_loss is measured instead"),
        "patience": Key(0, at_least(0), "checkpoints without a lower heldout_loss before training ends; 0: never"),
        "log_every": Key(50, at_least(1), "steps between lines in metrics.jsonl"),
        "save_every_epochs": Key(10, at_least(1), "epochs between checkpoints"),
        "picture_every_epochs": Key(10, at_least(0), "epochs between figures; 0 for none"),
        "keep_checkpoints": Key(2, at_least(1), "number of newest checkpoints that stay on disk"),
    }


def speed_keys() -> Block:
    """Options of speed and memory that do not change the result: docs/performance.md."""
    return {
        "convolutions": Key("auto", one_of("auto", "direct", "matmul"), "XLA's own, or matrix products for CPUs"),
        "steps_per_call": Key(0, at_least(0), "steps of one compiled call; 0: log_every, but few on a CPU"),
        "remat": Key(
            "none", one_of("none", "inr", "all"), "layers computed again in the backward pass, to save memory"
        ),
    }


def evaluation_keys() -> Block:
    """Measures of a trained run."""
    return {
        "clusterers": Key(
            ("kmeans", "agglomerative", "orbit_knn", "orbit_selflabel"),
            several_of(*CLUSTERERS),
            "default of evaluate's --clusterers",
        ),
        "batch_size": Key(256, at_least(1), "images encoded at once"),
        "num_clusters": Key(0, at_least(0), "k; 0 is the number of classes, or 10 without labels"),
        "shift_px": Key(0.0, at_least(0), "standard deviation per axis of the shifts in the measure of invariance"),
        "upsample_side": Key(512, at_least(1), "side in pixels of the large rendering in the figures"),
        "max_clusters": Key(20, at_least(0), "largest k that --num-clusters auto tries"),
        "raw_csv": Key(False, ANY, "write cells of tables that begin with = + - @ without the apostrophe before them"),
    }
