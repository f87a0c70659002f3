"""From images in Python to a model: the steps of `irl-inr run`, on any kind of images, in one call."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import absl.logging
import numpy as np
from jaxtyping import Float, Float32, Int
from ml_collections import ConfigDict

from irl_inr_jax.clustering.task import check_num_clusters
from irl_inr_jax.config.base import get_config
from irl_inr_jax.config.checked_files import DamagedFile, read_json, write_json
from irl_inr_jax.config.checks import check_config
from irl_inr_jax.data.assembly import assemble_dataset, convert_bool
from irl_inr_jax.data.description import digest_images
from irl_inr_jax.deployment.bundle import bundle_run
from irl_inr_jax.deployment.image_input import open_images
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.devices.shared_context import SharedContext
from irl_inr_jax.evaluation.pipeline import EvaluationOptions
from irl_inr_jax.evaluation.stored import load_evaluation
from irl_inr_jax.types import Dataset, InputError, Pose
from irl_inr_jax.workflows.evaluate_run import evaluate_run, list_clusterers
from irl_inr_jax.workflows.model_options import ModelOptions, make_config
from irl_inr_jax.workflows.run_settings import (
    assemble_images,
    check_number_of_images,
    choose_cost,
    choose_recipe,
    load_images,
)
from irl_inr_jax.workflows.train_run import train

IMAGES_FILE = "images.json"  # the digest of the images that a folder was made for


class KnownImages(NamedTuple):
    """All images that a model was fitted to, with the fields of the same names of `Reference`, a sample of them."""

    ids: np.ndarray
    latents: Float32[np.ndarray, "n d"]
    pose: Pose | None
    clusters: dict[str, Int[np.ndarray, "n"]]
    confidence: dict[str, Float[np.ndarray, "n"]]
    outliers: Float[np.ndarray, "n"] | None


class FittedModel(NamedTuple):
    """A model, and the images that it was fitted to."""

    bundle: ModelBundle
    known: KnownImages


def fit_model(what: object, options: ModelOptions) -> FittedModel:
    """Train on images, cluster them and return the model.

    what: as for `open_images`, or a path as for `irl-inr run`. Raises InputError for images and options that cannot be
    used, and KeyboardInterrupt if training was stopped; with a workdir the same call continues it.
    """
    config, overrides = make_config(options)
    dataset = prepare_dataset(config, what, options, overrides)
    if options.num_clusters is not None:
        check_num_clusters(len(dataset.train.ids), options.num_clusters)
    choose_settings(config, dataset, options, overrides)
    if options.clusterer not in config.evaluation.clusterers:
        config.evaluation.clusterers = (options.clusterer, *config.evaluation.clusterers)
    check_config(config)
    with open_workdir(options.workdir) as workdir, only_errors_of_orbax():
        claim_images(workdir, dataset)
        status = train(config, workdir, dataset)
        if status:
            again = "" if options.workdir is None else f"; fit with workdir={str(workdir)!r} continues it"
            raise KeyboardInterrupt(f"training was stopped{again}")
        evaluate_run(
            workdir,
            config,
            dataset,
            make_evaluation_options(config, dataset, options, workdir),
            overrides=[],
            with_figures=False,
        )
        stored = load_evaluation(workdir)
        known = KnownImages(
            ids=stored.ids,
            latents=stored.embeddings.latents,
            pose=stored.embeddings.pose,
            clusters=stored.clusters,
            confidence=stored.confidence,
            outliers=stored.outliers,
        )
        return FittedModel(bundle_run(workdir, config, dataset), known)


@contextmanager
def _only_errors() -> Iterator[None]:
    before = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        yield
    finally:
        absl.logging.set_verbosity(before)


# Logs no warnings of absl within a block: orbax warns of every save that takes a second.
only_errors_of_orbax = SharedContext(_only_errors)


@contextmanager
def open_workdir(workdir: Path | None) -> Iterator[Path]:
    """Yield the folder, or a temporary one for None, which is removed after the block."""
    if workdir is not None:
        yield workdir
        return
    with tempfile.TemporaryDirectory(prefix="irl_inr_") as created:
        yield Path(created)


def prepare_dataset(config: ConfigDict, what: object, options: ModelOptions, overrides: Mapping[str, Any]) -> Dataset:
    """Return the images as a data set; without a configuration, their side is chosen.

    Raises InputError for images that cannot be used, and for too few.
    """
    is_preset = options.config is not None
    if isinstance(what, Dataset):
        return check_number_of_images(what, what.name)
    if isinstance(what, str | Path):
        with config.unlocked():
            config.data.update(name="images", path=str(what))
        return load_images(config, overrides=overrides, is_preset=is_preset)
    source = convert_bool(open_images(what, max_unreadable=get_config().data.max_unreadable))
    if is_preset:
        return check_number_of_images(assemble_dataset(config.data, source), source.name)
    may_differ = bool((source.sizes != source.sizes[0]).any())
    return assemble_images(config, source, overrides=overrides, may_differ=may_differ)


def choose_settings(config: ConfigDict, dataset: Dataset, options: ModelOptions, overrides: Mapping[str, Any]) -> None:
    """Set networks, loss and length in `config` as `irl-inr run` does; of a given one only the length, if bounded."""
    is_preset = options.config is not None
    if not is_preset:
        choose_recipe(config, dataset, overrides)
    if config.train.num_epochs and (not is_preset or options.budget is not None):
        choose_cost(config, dataset, overrides=overrides, is_preset=is_preset, budget=options.budget)


def make_evaluation_options(
    config: ConfigDict, dataset: Dataset, options: ModelOptions, workdir: Path
) -> EvaluationOptions:
    """Return the options of the evaluation of the training images; the options' clusterer comes first."""
    names = list_clusterers(config.evaluation.clusterers)
    is_chosen = options.num_clusters is None and not dataset.class_names and not config.evaluation.num_clusters
    number = "auto" if is_chosen else "" if options.num_clusters is None else str(options.num_clusters)
    return EvaluationOptions(
        split="train",
        transductive=False,
        clusterers=[options.clusterer, *(name for name in names if name != options.clusterer)],
        num_clusters=number,
        num_seeds=1,
        folder=workdir / "eval" / "clusterings",
        scores_only=False,
    )


def claim_images(workdir: Path, dataset: Dataset) -> None:
    """Write the digest of the images to `workdir`. Raises InputError if it was made for others."""
    digest, path = digest_images(dataset.train), workdir / IMAGES_FILE
    if path.exists():
        try:
            is_same = read_json(path).get("sha256") == digest
        except DamagedFile as error:
            raise InputError(
                f"expected {path} as it was written, found a damaged file ({error}); choose another workdir"
            ) from None
        if not is_same:
            raise InputError(f"expected the images that {workdir} was made for, found others; choose another workdir")
        return
    if (workdir / "config.json").exists():
        raise InputError(f"expected a new folder or one of an earlier fit, found another run in {workdir}")
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        write_json(path, {"sha256": digest})
    except OSError as error:
        raise InputError(f"expected workdir {workdir} to be writable: {error}") from None
