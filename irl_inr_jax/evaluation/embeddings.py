"""Embeddings of a split, and their npz file."""

from pathlib import Path

from irl_inr_jax.config.checked_files import read_arrays, write_arrays
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Embeddings, ImageSet, Pose


def embed_images(trained: TrainedMethod, images: ImageSet) -> Embeddings:
    """Encode a split, in input order."""
    latents, pose = trained.encode(images.images)
    return Embeddings(ids=images.ids, latents=latents, pose=pose, labels=images.labels)


def save_embeddings(path: Path, embeddings: Embeddings) -> None:
    """Write an npz with `id`, `latents`, and where available `theta` (radians), `tau` (coords) and `label`."""
    arrays = {"id": embeddings.ids, "latents": embeddings.latents}
    if embeddings.pose is not None:
        arrays |= {"theta": embeddings.pose.theta, "tau": embeddings.pose.tau}
    if embeddings.labels is not None:
        arrays["label"] = embeddings.labels
    write_arrays(path, arrays)


def load_embeddings(path: Path) -> Embeddings:
    """Read a file of `save_embeddings`. Raises DamagedFile, and KeyError for another npz file."""
    arrays = read_arrays(path)
    pose = Pose(theta=arrays["theta"], tau=arrays["tau"]) if "theta" in arrays else None
    return Embeddings(ids=arrays["id"], latents=arrays["latents"], pose=pose, labels=arrays.get("label"))
