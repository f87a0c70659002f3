"""Is this configuration one that can run? Asked before anything is loaded or compiled."""

import difflib
import json
from pathlib import Path

from ml_collections import ConfigDict

from irl_inr_jax.augment import NUM_OPS, parse_names
from irl_inr_jax.geometry.images import INTERPOLATIONS
from irl_inr_jax.methods import METHODS
from irl_inr_jax.models.encoder import ENCODERS
from irl_inr_jax.models.inr import ACTIVATIONS
from irl_inr_jax.models.resnet import STEMS
from irl_inr_jax.models.spatial import ACTIVATIONS as SPATIAL_ACTIVATIONS
from irl_inr_jax.pose import FORMS
from irl_inr_jax.speed import CONVOLUTIONS, FOURIER, REMAT
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
    "speed.fourier": ("auto", *FOURIER),
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
    "model.pose.num_turns",
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
    "clustering.orbit_knn.num_angles",
    "clustering.orbit_knn.num_radii",
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
LEARN_NOTHING = ("orbit_knn",)
SEE_THE_BARE_IMAGE = ("spatial_vae", "target_vae", "simclr")  # methods whose encoder knows no canonical input
HAVE_A_HYPERNETWORK = ("irl_inr", "thesis")
ABOVE_ZERO = ("vae.theta_std", "vae.tau_std", "vae.temperature", "simclr.temperature", "clustering.dec.alpha")
SHARES = (
    "data.test_fraction",
    "views.fill",
    "clustering.scan.selflabel_threshold",
    "clustering.scan.average_decay",
    "clustering.augment.translation",
)
BELOW_ONE = ("data.test_fraction", "clustering.scan.average_decay")
# Blocks that have no part in training: settings of a later evaluation, which may have more keys than an older run.
AFTER_TRAINING = ("evaluation", "clustering")
# Blocks in which a run may be continued with other settings: they change nothing that is learnt.
MAY_CHANGE = (*AFTER_TRAINING, "speed")
# Blocks that older runs lack: of methods that they had not, and of what changes nothing that is learnt.
ADDED = ("vae", "simclr", "speed")
# What runs did that have no such keys in their `data` block.
BEFORE_THE_KEY = {"background": "0", "scaling": "type"}


def check_config(config: ConfigDict, base: ConfigDict) -> None:
    """Raises InputError for keys that `base` lacks, values outside their choices or range, and pairs that clash."""
    found, known = flatten(config), flatten(base)
    for key in found:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1)
            hint = f"; the nearest is config.{nearest[0]}" if nearest else ""
            raise InputError(f"expected the keys of configs/base.py, found config.{key}{hint}")
    for key in known:
        if key not in found:
            raise InputError(f"expected config.{key} in the configuration, found none; see configs/base.py")
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
    if config.model.hypernet.num_shards > 1 and config.method not in HAVE_A_HYPERNETWORK:
        raise InputError(
            f"expected config.model.hypernet.num_shards=1 with config.method={config.method}, which has no "
            f"hypernetwork, found {config.model.hypernet.num_shards}"
        )
    _check_clustering(config.clustering)
    parse_names(config.simclr.augment)
    if config.method in SEE_THE_BARE_IMAGE and config.model.encoder.input != "raw":
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
    if config.method in LEARN_NOTHING:
        if num_epochs:
            raise InputError(
                f"expected config.train.num_epochs=0 with config.method={config.method}, which learns nothing, found "
                f"{num_epochs}"
            )
    elif num_epochs < 1:
        raise InputError(f"expected config.train.num_epochs of at least 1, found {num_epochs}")


def _check_clustering(clustering: ConfigDict) -> None:
    if clustering.hdbscan.min_cluster_size == 1:
        raise InputError("expected config.clustering.hdbscan.min_cluster_size of 0 or at least 2, found 1")
    area = tuple(clustering.augment.crop_area)
    if len(area) != 2 or not 0 < area[0] <= area[1] <= 1:
        raise InputError(
            f"expected config.clustering.augment.crop_area as (least, greatest) share of the image, above 0 and at "
            f"most 1, found {area}"
        )
    if clustering.augment.num_ops > NUM_OPS:
        raise InputError(
            f"expected config.clustering.augment.num_ops of at most {NUM_OPS}, found {clustering.augment.num_ops}"
        )
    for augmented in (clustering.scan, clustering.iic):
        parse_names(augmented.augment)


def complete_config(config: ConfigDict, base: ConfigDict) -> None:
    """Adds what `base` has and an older run's configuration lacks.

    In `data` that is what was done when there was no such key, which may differ from today's default.
    """

    def complete(found: ConfigDict, known: ConfigDict) -> None:
        for key, value in known.items():
            if key not in found:
                found[key] = value
            elif isinstance(value, ConfigDict):
                complete(found[key], value)

    blocks = ConfigDict({block: base[block] for block in ("data", "loss", *ADDED, *AFTER_TRAINING)})
    parts = ("encoder", "hypernet", "pose", "spatial", "group_conv")
    blocks.model = ConfigDict({part: base.model[part] for part in parts})
    blocks.data.update(BEFORE_THE_KEY)
    with config.unlocked():
        complete(config, blocks)


def flatten(config: ConfigDict) -> dict[str, object]:
    """{'data.name': 'mnist_u', ...}: every leaf under its dotted key."""
    leaves = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            leaves |= {f"{key}.{name}": leaf for name, leaf in flatten(value).items()}
        else:
            leaves[key] = value
    return leaves


def to_json(config: ConfigDict) -> str:
    """The resolved configuration as it is kept in a workdir."""
    return json.dumps(json.loads(config.to_json()), indent=2) + "\n"


def from_json(path: Path) -> ConfigDict:
    """What `to_json` wrote. Raises InputError where there is no such file or it is not one."""
    if not path.exists():
        raise InputError(
            f"expected a run's {path}, found none; train one first: python train.py --workdir {path.parent}"
        )
    try:
        return ConfigDict(_lists_to_tuples(json.loads(path.read_text()))).lock()
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise InputError(f"expected a configuration in {path}, found something else: {error}") from None


def _lists_to_tuples(value: object) -> object:
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return tuple(_lists_to_tuples(item) for item in value) if isinstance(value, list) else value


def claim_workdir(workdir: Path, config: ConfigDict, base: ConfigDict, *, writes: bool = True) -> None:
    """Keeps the configuration in `workdir`/config.json, making the folder.

    writes: False in a process that comes after one which has done so, and must find it.
    Raises InputError if a run with another configuration lives there; nothing is touched then. What is in
    `MAY_CHANGE` may differ; the new settings are kept.
    """
    path = workdir / "config.json"
    if path.exists():
        before = from_json(path)
        complete_config(before, base)
        ours, theirs = flatten(config), flatten(before)
        differing = sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))
        changed = [key for key in differing if key.split(".")[0] not in MAY_CHANGE]
        if changed:
            key = changed[0]
            raise InputError(
                f"expected --workdir {workdir} to hold a run of the same configuration, found another: config.{key} is "
                f"{theirs.get(key)!r} there and {ours.get(key)!r} here ({len(changed)} in all differ); choose another "
                f"--workdir, or the same settings to continue that run"
            )
        if differing and writes:
            path.write_text(to_json(config))
        return
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"expected --workdir to name a folder, found the file {workdir}")
    if not writes:
        raise InputError(
            f"expected --workdir {workdir} on a file system that all processes share, found no config.json of process 0"
        )
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        path.write_text(to_json(config))
    except OSError as error:
        raise InputError(f"expected --workdir {workdir} to be writable: {error}") from None
