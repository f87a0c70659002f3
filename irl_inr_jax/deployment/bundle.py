"""Make the model of a trained and evaluated run; save and load it.

A model holds at most twice the bytes of its parameters (encoder, decoder and classifiers), or `MIN_BYTES` more than
these if they are small: what is left for the reference decides how many images it has, and of how many the pixels.
Of a training-free method the reference is the model: it has up to `FREE_ROWS` images whatever they take.
"""

from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float32, Int
from ml_collections import ConfigDict

from irl_inr_jax.clustering.outlier_index import index_outliers
from irl_inr_jax.clustering.outliers import MAX_ROWS
from irl_inr_jax.data.lazy import in_chunks
from irl_inr_jax.deployment.bundle_file import digest_bundle, load_bundle, save_bundle
from irl_inr_jax.deployment.classifiers import read_classifiers
from irl_inr_jax.deployment.model_bundle import HeldOut, InputRule, ModelBundle, Reference
from irl_inr_jax.deployment.novelty import make_error_grid, measure_known
from irl_inr_jax.deployment.pixel_rule import measure_borders, measure_contrast
from irl_inr_jax.evaluation.pipeline import choose_split
from irl_inr_jax.evaluation.stored import StoredEvaluation, load_evaluation
from irl_inr_jax.training.heldout import hold_out
from irl_inr_jax.training.trained import load_trained
from irl_inr_jax.types import Dataset, ImageSet, InputError, PyTree

__all__ = ["ModelBundle", "bundle_run", "load_bundle", "save_bundle"]

MIN_BYTES = 1_000_000  # for the reference of a model with few parameters
FREE_ROWS = 5_000
RESERVED_BYTES = 60_000  # of the configuration and the verdict
MAX_HELD_OUT = 10_000
CONTRAST_QUANTILES = (0.05, 0.95)


def bundle_run(workdir: Path, config: ConfigDict, dataset: Dataset) -> ModelBundle:
    """Return the model of a run that `irl-inr evaluate` has evaluated.

    config: of the run, with the changes under which it was evaluated. Raises InputError for a run that was trained
    further since, for other images than the evaluated ones, and for z that are not finite.
    """
    stored = load_evaluation(workdir)
    split, images = choose_split(dataset, stored.results["data"]["split"])
    trained, step = load_trained(workdir, config, dataset)
    again = f"run irl-inr evaluate --workdir {workdir} again"
    if step != stored.results["step"]:
        raise InputError(f"expected an evaluation of step {step}, found one of step {stored.results['step']}; {again}")
    if not np.array_equal(images.ids, stored.ids):
        raise InputError(f"expected the images that were evaluated, found others; {again}")
    if stored.outliers is None:
        raise InputError(
            "expected finite latents, found NaN or infinity; train with a lower config.train.learning_rate"
        )
    if dataset.fit is None:
        raise InputError("expected a data set that records how its images were made squares, found none")
    classifiers, numbers = read_classifiers(workdir / "eval" / "clusterings", stored, seed=config.seed)
    size = count_bytes((trained.params, trained.model_state, classifiers))
    num_bytes = allot_bytes(stored, size, is_trained=config.train.num_epochs > 0)
    rows, with_pixels = sample_reference(stored, images, num_bytes, seed=config.seed)
    held_rows, kind = find_held_out(stored, dataset, split, config)
    num_held_out = min(len(held_rows), count_held_out(stored, num_bytes))
    held_rows = held_rows[np.linspace(0, len(held_rows) - 1, num_held_out).astype(int)]
    familiarity, novelty = measure_known(
        trained,
        images.images,
        stored.embeddings,
        first_clusters(stored),
        rows=rows,
        held_rows=held_rows,
        grid=make_error_grid(config),
    )
    bundle = ModelBundle(
        config=config,
        trained=trained,
        input_rule=describe_input(dataset, images),
        reference=make_reference(stored, images, rows, with_pixels),
        classifiers=classifiers,
        numbers=numbers,
        cluster_names=stored.cluster_names,
        held_out=select_held_out(stored, held_rows, kind=kind, novelty=novelty),
        familiarity=familiarity,
        verdict=stored.results.get("verdict", []),
        facts=describe_run(stored, step, config),
        version=version("irl-inr-jax"),
        digest="",
    )
    return bundle._replace(digest=digest_bundle(bundle))


def describe_input(dataset: Dataset, images: ImageSet) -> InputRule:
    """Return the rule by which the images of the data set were read."""
    assert dataset.fit is not None
    background = np.asarray(dataset.fit.background, np.float64)
    least, greatest, contrasts, borders = np.inf, -np.inf, [], []
    for chunk in in_chunks(images.images):
        least, greatest = min(least, float(chunk.min())), max(greatest, float(chunk.max()))
        contrasts.append(measure_contrast(chunk, background))
        borders.append(measure_borders(chunk, background))
    contrast = np.concatenate(contrasts)
    quantiles = np.quantile(contrast[contrast > 0], CONTRAST_QUANTILES) if contrast.any() else (0.0, 0.0)
    return InputRule(
        dtype=str(images.images.dtype),
        channels=images.images.shape[-1],
        values=(least, greatest),
        contrast=(float(quantiles[0]), float(quantiles[1])),
        border=float(np.quantile(np.concatenate(borders), CONTRAST_QUANTILES[1])),
        fit=dataset.fit._replace(background=background),
    )


def count_bytes(tree: PyTree) -> int:
    """Return the bytes of all leaves."""
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree))


def allot_bytes(stored: StoredEvaluation, size: int, *, is_trained: bool) -> int:
    """Return the bytes for reference and held-out images. size: bytes of all parameters."""
    num_bytes = max(size, MIN_BYTES) - RESERVED_BYTES
    if is_trained:
        return num_bytes
    # `sample_reference` gives a quarter to the held-out images and half to these and the latents.
    return max(num_bytes, int(4 * count_reference_bytes(stored) * min(FREE_ROWS, len(stored.ids))))


def sample_reference(
    stored: StoredEvaluation, images: ImageSet, num_bytes: int, *, seed: int
) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "q"]]:
    """Return the evaluated images that become the reference, and those of them, as numbers in it, with pixels.

    At most half of the bytes are for latents and clusters, of at most `MAX_ROWS` images; pixels have the rest.
    """
    latents, each = stored.embeddings.latents, count_reference_bytes(stored)
    held = count_held_out(stored, num_bytes) * held_out_bytes(stored)
    rng = np.random.default_rng(seed)
    num_rows = int(np.clip((num_bytes / 2 - held) / each, 1, min(len(latents), MAX_ROWS)))
    rows = np.sort(rng.choice(len(latents), num_rows, replace=False))
    pixels = int(np.prod(images.images.shape[1:])) * images.images.dtype.itemsize
    num_pixels = int(np.clip((num_bytes - held - num_rows * each) / pixels, 0, num_rows))
    return rows, np.sort(rng.choice(num_rows, num_pixels, replace=False))


def count_reference_bytes(stored: StoredEvaluation) -> float:
    """Return the bytes of a reference image in the model, without its pixels."""
    id_bytes = float(np.mean([len(str(value)) for value in stored.ids[:1000]])) + 6
    return stored.embeddings.latents[:1].nbytes + 32 + 8 * len(stored.clusters) + id_bytes


def held_out_bytes(stored: StoredEvaluation) -> int:
    """Return the bytes of a held-out image in the model."""
    return stored.embeddings.latents[:1].nbytes + 8 + 4 * len(stored.clusters)


def count_held_out(stored: StoredEvaluation, num_bytes: int) -> int:
    """Return the largest number of held-out images: `MAX_HELD_OUT`, or what takes a quarter of the bytes."""
    return min(MAX_HELD_OUT, len(stored.ids), num_bytes // 4 // held_out_bytes(stored))


def make_reference(
    stored: StoredEvaluation, images: ImageSet, rows: Int[np.ndarray, "m"], with_pixels: Int[np.ndarray, "q"]
) -> Reference:
    """Return the reference of the evaluated images `rows`, with the pixels of `with_pixels`, numbers in it."""
    assert stored.outliers is not None
    latents, pixels = stored.embeddings.latents[rows], images.images[rows[with_pixels]]
    return Reference(
        ids=stored.ids[rows],
        latents=latents,
        pose=jax.tree.map(lambda leaf: np.asarray(leaf)[rows], stored.embeddings.pose),
        clusters={name: values[rows].astype(np.int32) for name, values in stored.clusters.items()},
        confidence={name: values[rows].astype(np.float32) for name, values in stored.confidence.items()},
        outliers=stored.outliers[rows].astype(np.float32),
        index=index_outliers(latents),
        images=np.asarray(pixels),
        image_rows=with_pixels.astype(np.int64),
    )


def find_held_out(
    stored: StoredEvaluation, dataset: Dataset, split: str, config: ConfigDict
) -> tuple[Int[np.ndarray, "h"], str]:
    """Return the evaluated images that new ones are compared with, and their kind; see `HeldOut`."""
    rng = np.random.default_rng(config.seed)
    share = config.train.holdout
    if split == "train" and share and config.train.num_epochs:
        _, held_out = hold_out(dataset, share=share, seed=config.seed)
        assert held_out is not None
        rows, kind = np.flatnonzero(np.isin(stored.ids, held_out.ids)), "held-out images"
    else:
        # Medians and spreads come from the other half: from these images, they would fit them better than new ones.
        rows = rng.permutation(len(stored.ids))[: max(1, len(stored.ids) // 2)]
        kind = "test images" if split == "test" else "training images"
    return np.sort(rng.permutation(rows)[:MAX_HELD_OUT]), kind


def select_held_out(
    stored: StoredEvaluation,
    held_rows: Int[np.ndarray, "h"],
    *,
    kind: str,
    novelty: Float32[np.ndarray, "h p"],
) -> HeldOut:
    """Return the images `held_rows` of an evaluation with their novelty, as held-out images."""
    return HeldOut(
        kind=kind,
        latents=stored.embeddings.latents[held_rows],
        clusters={name: values[held_rows].astype(np.int32) for name, values in stored.clusters.items()},
        novelty=novelty,
    )


def first_clusters(stored: StoredEvaluation) -> Int[np.ndarray, "n"]:
    """Return the clusters of the first clusterer, or one cluster without any."""
    return next(iter(stored.clusters.values()), np.zeros(len(stored.ids), np.int32))


def describe_run(stored: StoredEvaluation, step: int, config: ConfigDict) -> dict:
    """Return what displays of the model say about the run."""
    data = stored.results["data"]
    return {
        "description": data["description"],
        "num_images": data["num_images"],
        "class_names": data["class_names"],
        "num_clusters": stored.results["num_clusters"]["used"],
        "method": config.method,
        "step": step,
    }
