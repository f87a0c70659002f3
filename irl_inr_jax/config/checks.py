"""Validate a configuration before data are loaded or programs compiled."""

import difflib

from ml_collections import ConfigDict

from irl_inr_jax.augment.augmentation import NUM_OPS, parse_names
from irl_inr_jax.config.storage import flatten
from irl_inr_jax.devices.compute import CONVOLUTIONS, REMAT
from irl_inr_jax.geometry.warps import INTERPOLATIONS
from irl_inr_jax.methods import METHODS
from irl_inr_jax.methods.pose import FORMS
from irl_inr_jax.models.encoder import ENCODERS
from irl_inr_jax.models.inr import ACTIVATIONS
from irl_inr_jax.models.resnet import STEMS
from irl_inr_jax.models.spatial_generator import ACTIVATIONS as SPATIAL_ACTIVATIONS
from irl_inr_jax.types import InputError

CHOICES = {
    "method": tuple(METHODS),
    "model.dtype": ("float32", "bfloat16"),
    "model.encoder.input": ("canonical", "raw"),
    "model.encoder.trunk": ENCODERS,
    "model.encoder.stem": tuple(STEMS),
    "model.inr.activation": ACTIVATIONS,
    "model.spatial.activation": tuple(SPATIAL_ACTIVATIONS),
    "model.group_conv.num_rotations": (4, 8, 16),
    "model.pose.form": FORMS,
    "loss.consistency_distance": ("cosine", "mse"),
    "loss.views": ("pair", "copies"),
    "views.interpolation": INTERPOLATIONS,
    "speed.convolutions": ("auto", *CONVOLUTIONS),
    "model.encoder.num_calls": (1, 2),
    "speed.remat": REMAT,
    "train.optimizer": ("adam", "adamw"),
    "train.schedule": ("constant", "cosine"),
    "clustering.gmm.covariance": ("full", "tied", "diag", "spherical"),
    "clustering.scan.distance": ("euclidean", "cosine"),
    "clustering.scan.head_start": ("kmeans", "random"),
    "clustering.iic.head_start": ("kmeans", "random"),
}
AT_LEAST_ONE = (
    "model.latent_dim",
    "model.encoder.width",
    "model.hypernet.num_shards",
    "model.inr.num_frequencies",
    "model.group_conv.features",
    "model.group_conv.kernel_size",
    "model.group_conv.stride",
    "model.pose.num_rotations",
    "model.pose.num_radii",
    "loss.num_copies",
    "train.batch_size",
    "train.log_every",
    "train.save_every_epochs",
    "train.keep_checkpoints",
    "evaluation.batch_size",
    "evaluation.upsample_side",
    "clustering.vote_neighbours",
    "clustering.outlier_neighbours",
    "clustering.dbscan.min_samples",
    "clustering.hdbscan.min_samples",
    "clustering.spectral.num_neighbours",
    "clustering.diffusion.num_neighbours",
    "clustering.diffusion.num_dims",
    "clustering.diffusion.num_steps",
    "clustering.umap.num_neighbours",
    "clustering.umap.num_dims",
    "orbits.num_angles",
    "orbits.num_radii",
    "clustering.orbit_knn.num_neighbours",
    "clustering.orbit_knn.num_dims",
    "clustering.orbit_knn.num_steps",
    "clustering.dec.num_epochs",
    "clustering.dec.batch_size",
    "clustering.iic.num_epochs",
    "clustering.iic.batch_size",
    "clustering.iic.num_heads",
    "clustering.scan.num_neighbours",
    "clustering.scan.num_heads",
    "clustering.scan.num_epochs",
    "clustering.scan.batch_size",
    "clustering.scan.selflabel_batch_size",
)
TRAINING_FREE = ("orbit_knn",)
RAW_INPUT_METHODS = ("spatial_vae", "target_vae", "simclr")  # methods whose encoder knows no canonical input
HYPERNETWORK_METHODS = ("irl_inr", "thesis")
ABOVE_ZERO = ("vae.theta_std", "vae.tau_std", "vae.temperature", "simclr.temperature", "clustering.dec.alpha")
SHARES = (
    "data.test_fraction",
    "views.fill",
    "clustering.scan.selflabel_threshold",
    "clustering.scan.average_decay",
    "augment.translation",
)
BELOW_ONE = ("data.test_fraction", "clustering.scan.average_decay")


def check_config(config: ConfigDict, base: ConfigDict) -> None:
    """Raises InputError for keys that `base` lacks, values outside their choices or range, and pairs that clash."""
    found, known = flatten(config), flatten(base)
    for key in found:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1)
            hint = f"; the nearest is config.{nearest[0]}" if nearest else ""
            raise InputError(f"expected the keys of irl_inr_jax/config/base.py, found config.{key}{hint}")
    for key in known:
        if key not in found:
            raise InputError(f"expected config.{key} in the configuration, found none; see irl_inr_jax/config/base.py")
    for key, choices in CHOICES.items():
        if found[key] not in choices:
            raise InputError(f"expected config.{key} among {', '.join(map(str, choices))}, found {found[key]!r}")
    for key in AT_LEAST_ONE:
        if found[key] < 1:
            raise InputError(f"expected config.{key} of at least 1, found {found[key]}")
    _check_epochs(config)
    for key, value in found.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
            raise InputError(f"expected config.{key} of at least 0, found {value}")
    for key in SHARES:
        if found[key] > 1 or (key in BELOW_ONE and found[key] == 1):
            raise InputError(f"expected config.{key} between 0 and 1, found {found[key]}")
    for key in ABOVE_ZERO:
        if found[key] <= 0:
            raise InputError(f"expected config.{key} above 0, found {found[key]}")
    if config.model.hypernet.num_shards > 1 and config.method not in HYPERNETWORK_METHODS:
        raise InputError(
            f"expected config.model.hypernet.num_shards=1 with config.method={config.method}, which has no "
            f"hypernetwork, found {config.model.hypernet.num_shards}"
        )
    _check_clustering(config)
    parse_names(config.simclr.augment)
    if config.method in RAW_INPUT_METHODS and config.model.encoder.input != "raw":
        raise InputError(
            f"expected config.model.encoder.input=raw with config.method={config.method}, found "
            f"{config.model.encoder.input}; choose the method by its variant, as in configs/mnist_u.py:{config.method}"
        )
    if config.model.encoder.input == "canonical" and config.model.pose.form != "closed_form":
        raise InputError(
            f"expected config.model.pose.form=closed_form with config.model.encoder.input=canonical, found "
            f"{config.model.pose.form}: a learned pose needs --config.model.encoder.input=raw"
        )
    terms = (config.loss.recon, config.loss.cross, config.loss.consistency)
    if config.method in ("irl_inr", "mlp_generator", "autoencoder") and not any(terms):
        raise InputError(
            "expected config.loss.recon, config.loss.cross or config.loss.consistency above 0, found all 0: nothing "
            "would be learnt of z"
        )


def _check_epochs(config: ConfigDict) -> None:
    num_epochs = config.train.num_epochs
    if config.method in TRAINING_FREE:
        if num_epochs:
            raise InputError(
                f"expected config.train.num_epochs=0 with config.method={config.method}, which learns nothing, found "
                f"{num_epochs}"
            )
    elif num_epochs < 1:
        raise InputError(f"expected config.train.num_epochs of at least 1, found {num_epochs}")


def _check_clustering(config: ConfigDict) -> None:
    clustering = config.clustering
    if clustering.hdbscan.min_cluster_size == 1:
        raise InputError("expected config.clustering.hdbscan.min_cluster_size of 0 or at least 2, found 1")
    area = tuple(config.augment.crop_area)
    if len(area) != 2 or not 0 < area[0] <= area[1] <= 1:
        raise InputError(
            f"expected config.augment.crop_area as (least, greatest) share of the image, above 0 and at "
            f"most 1, found {area}"
        )
    if config.augment.num_ops > NUM_OPS:
        raise InputError(
            f"expected config.augment.num_ops of at most {NUM_OPS}, found {config.augment.num_ops}"
        )
    for augmented in (clustering.scan, clustering.iic):
        parse_names(augmented.augment)
