"""Validate a configuration before data are loaded or programs compiled."""

import difflib
from collections.abc import Iterable

from ml_collections import ConfigDict

from irl_inr_jax.config.base import list_keys
from irl_inr_jax.config.rules import Block, Key, find_fault
from irl_inr_jax.config.storage import flatten
from irl_inr_jax.types import InputError

TRAINING_FREE = ("orbit_knn", "wafer_features")
RAW_INPUT_METHODS = ("spatial_vae", "target_vae", "simclr")  # methods whose encoder has no canonical input
HYPERNETWORK_METHODS = ("irl_inr", "thesis")
PAIR_METHODS = ("irl_inr", "mlp_generator", "autoencoder")  # methods with the loss on two views of IRL-INR


def check_config(config: ConfigDict) -> None:
    """Raise InputError for unknown and missing keys, invalid values, and pairs of values that exclude each other."""
    check_values(config, list_keys())
    check_method(config)
    check_holdout(config.train)
    check_pose(config)
    check_terms(config)
    check_wafers(config.wafers)
    check_consensus(config.clustering.consensus)
    check_patterns(config)


def check_values(block: ConfigDict, keys: Block, *, prefix: str = "") -> None:
    """Raise InputError unless `block` has the `keys`, each with a value that its rule allows.

    prefix: the place of the block in the configuration, such as "data.".
    """
    found, known = flatten(block), flatten_keys(keys)
    check_names(found, known, prefix=prefix)
    for name, key in known.items():
        if name not in found:
            raise InputError(f"expected config.{prefix}{name} in the configuration, found none; see irl_inr_jax/config")
        expected = find_fault(key, found[name])
        if expected:
            raise InputError(f"expected config.{prefix}{name} {expected}, found {found[name]!r}")


def check_names(names: Iterable[str], known: Iterable[str], *, prefix: str = "") -> None:
    """Raise InputError for dotted names of keys that are not `known`, naming the nearest one."""
    known = list(known)
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; the nearest is config.{prefix}{nearest[0]}" if nearest else ""
            raise InputError(f"expected the keys of irl_inr_jax/config, found config.{prefix}{name}{hint}")


def flatten_keys(block: Block) -> dict[str, Key]:
    """Return {'data.name': Key(...), ...}."""
    keys = {}
    for name, key in block.items():
        if isinstance(key, Key):
            keys[name] = key
        else:
            keys |= {f"{name}.{inner}": value for inner, value in flatten_keys(key).items()}
    return keys


def check_method(config: ConfigDict) -> None:
    """Compare the length of the run and the shards with the method."""
    method, num_epochs, num_shards = config.method, config.train.num_epochs, config.model.hypernet.num_shards
    if method in TRAINING_FREE and num_epochs:
        raise InputError(
            f"expected config.train.num_epochs=0 with config.method={method}, which is training-free, found "
            f"{num_epochs}"
        )
    if method not in TRAINING_FREE and num_epochs < 1:
        raise InputError(f"expected config.train.num_epochs of at least 1, found {num_epochs}")
    if num_shards > 1 and method not in HYPERNETWORK_METHODS:
        raise InputError(
            f"expected config.model.hypernet.num_shards=1 with config.method={method}, which has no hypernetwork, "
            f"found {num_shards}"
        )


def check_holdout(train: ConfigDict) -> None:
    """Compare the keys that end a run early with each other and with the length of the run."""
    if train.patience and not train.holdout:
        raise InputError(
            f"expected config.train.holdout above 0 with config.train.patience={train.patience}, found 0.0; hold out "
            f"some images, such as --config.train.holdout=0.05, or set config.train.patience=0"
        )
    if train.holdout and not train.num_epochs:
        raise InputError(
            f"expected config.train.holdout=0 with config.train.num_epochs=0, found {train.holdout}; nothing is trained"
        )


def check_terms(config: ConfigDict) -> None:
    """Compare the weights of the loss with the method: one of its terms must train z, and all of them must exist."""
    method, loss = config.method, config.loss
    if method in PAIR_METHODS and not any((loss.recon, loss.cross, loss.consistency, loss.neighbours)):
        raise InputError(
            "expected config.loss.recon, config.loss.cross, config.loss.consistency or config.loss.neighbours above "
            "0, found all 0: no term of the loss would depend on z"
        )
    has_pairs = method in PAIR_METHODS and (method != "autoencoder" or loss.views == "pair")
    has_copies = method == "thesis" or (method == "autoencoder" and loss.views == "copies")
    if loss.rotate_images and not has_copies:
        raise InputError(
            f"expected config.loss.rotate_images=False with config.method={method}, found True; only the thesis' loss "
            f"on rotated copies reads it, see the variants thesis and thesis,autoencoder"
        )
    if loss.neighbours and not has_pairs:
        raise InputError(
            f"expected config.loss.neighbours=0 with config.method={method}"
            f"{' and config.loss.views=copies' if method == 'autoencoder' else ''}, found {loss.neighbours}; only the "
            f"loss on two views has that term; set it, or choose the method by its variant"
        )


def check_pose(config: ConfigDict) -> None:
    """Compare the encoder's input, of a method that has an encoder, with the method and the form of the pose."""
    method, encoder_input, form = config.method, config.model.encoder.input, config.model.pose.form
    if config.model.pose.reach and not config.model.pose.blur_px:
        raise InputError(
            f"expected config.model.pose.reach=0 without a blur, found {config.model.pose.reach}: it bounds the "
            f"blurred image; set config.model.pose.blur_px too"
        )
    if method in TRAINING_FREE:
        return
    if method in RAW_INPUT_METHODS and encoder_input != "raw":
        raise InputError(
            f"expected config.model.encoder.input=raw with config.method={method}, found {encoder_input}; choose the "
            f"method by its variant, as in --config mnist_u:{method}"
        )
    if config.model.encoder.trunk == "polar" and encoder_input != "canonical":
        raise InputError(
            f"expected config.model.encoder.input=canonical with config.model.encoder.trunk=polar, whose polar images "
            f"are in the frame of the closed-form pose, found {encoder_input}; set it, or another trunk"
        )
    if encoder_input == "canonical" and form != "closed_form":
        raise InputError(
            f"expected config.model.pose.form=closed_form with config.model.encoder.input=canonical, found {form}: a "
            f"pose predicted by the encoder needs --config.model.encoder.input=raw"
        )


def check_wafers(wafers: ConfigDict) -> None:
    """Compare the number of frequencies with that of the points on a ring."""
    most = wafers.num_angles // 2 + 1
    if wafers.num_frequencies > most:
        raise InputError(
            f"expected config.wafers.num_frequencies of at most {most} with config.wafers.num_angles="
            f"{wafers.num_angles}, found {wafers.num_frequencies}; set fewer frequencies or more angles"
        )


def check_consensus(consensus: ConfigDict) -> None:
    """Compare the neighbours over which the consensus is smoothed with those of its graph."""
    if consensus.num_smoothed > consensus.num_neighbours:
        raise InputError(
            f"expected config.clustering.consensus.num_smoothed of at most num_neighbours={consensus.num_neighbours}, "
            f"found {consensus.num_smoothed}; set fewer, or more neighbours"
        )


def check_patterns(config: ConfigDict) -> None:
    """Refuse the separation of maps without a pattern for images that are not compared as wafers."""
    if not config.clustering.consensus.without_pattern:
        return
    if config.orbits.distance != "wafers":
        raise InputError(
            f"expected config.orbits.distance=wafers with config.clustering.consensus.without_pattern=True, "
            f"which is for wafer maps, found {config.orbits.distance}; set it, or without_pattern=False"
        )
    scales = config.wafers.scales_px
    if len(scales) < 2 or scales[0] >= scales[1]:
        raise InputError(
            f"expected config.wafers.scales_px to begin with two increasing lengths, which measure patterns, found "
            f"{tuple(scales)}; set more, or config.clustering.consensus.without_pattern=False"
        )
