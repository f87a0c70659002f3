"""The encoder of a model as a program without this package: stored images -> z, pose and cluster.

StableHLO, serialized by `jax.export`, runs wherever JAX does, for any number of images, without this package. A JSON
file beside it describes inputs and outputs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jaxtyping import Array, Int

from irl_inr_jax.config.checked_files import replace_file, write_json
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.deployment.model_bundle import ModelBundle

PLATFORMS = ("cpu", "cuda", "tpu")
SIDECAR = ".json"  # added to the name of the program's file


class ExportedEncoder(NamedTuple):
    """A function of stored images (n, s, s, c) to a tuple of arrays, whose names are `outputs`. clusterer: or ''."""

    function: Callable[[jax.Array], tuple[jax.Array, ...]]
    outputs: tuple[str, ...]
    clusterer: str


def make_exported_encoder(bundle: ModelBundle) -> ExportedEncoder:
    """Return the encoder with its parameters: z, and where the method has them theta and tau, and the cluster.

    The cluster is that of the nearest mean in latent space: by k-means if the model has it, otherwise the means of the
    first clusterer's clusters among the reference images, which approximate it.
    """
    trained = bundle.trained
    name, means, numbers = find_cluster_means(bundle)
    has_pose = bundle.reference.pose is not None

    def encode_images(stored: Array) -> tuple[Array, ...]:
        latents, pose = trained.method.encode(trained.params, trained.model_state, to_unit(trained.scaling, stored))
        outputs = (latents,)
        if has_pose:
            assert pose is not None
            outputs += (pose.theta, pose.tau)
        if name:
            squares = ((latents[:, None] - means) ** 2).sum(axis=-1)
            outputs += (jnp.asarray(numbers)[squares.argmin(axis=1)],)
        return outputs

    names = ("z", *(("theta", "tau") if has_pose else ()), *(("cluster",) if name else ()))
    return ExportedEncoder(encode_images, names, name)


def find_cluster_means(bundle: ModelBundle) -> tuple[str, np.ndarray, Int[np.ndarray, "k"]]:
    """Return clusterer, means (k, d) and cluster numbers (k,) for `make_exported_encoder`; '' without clusters."""
    if "kmeans" in bundle.classifiers:
        centres = np.asarray(bundle.classifiers["kmeans"]["centres"], np.float32)
        return "kmeans", centres, np.asarray(bundle.numbers["kmeans"], np.int32)
    reference = bundle.reference
    name = next(iter(bundle.clusterers), "")
    clusters = reference.clusters.get(name, np.zeros(0, np.int32))
    numbers = np.unique(clusters[clusters >= 0]).astype(np.int32)
    if not len(numbers):
        return "", np.zeros((0, reference.latents.shape[1]), np.float32), numbers
    means = np.stack([reference.latents[clusters == number].mean(axis=0) for number in numbers])
    return name, means.astype(np.float32), numbers


def export_stablehlo(bundle: ModelBundle, encoder: ExportedEncoder) -> bytes:
    """Return the serialized program, for any number of images and every platform of `PLATFORMS`.

    `jax.export.deserialize(content).call(images)` runs it.
    """
    rule = bundle.input_rule
    (count,) = export.symbolic_shape("n")
    images = jax.ShapeDtypeStruct((count, rule.fit.out_side, rule.fit.out_side, rule.channels), np.dtype(rule.dtype))
    return bytes(export.export(jax.jit(encoder.function), platforms=PLATFORMS)(images).serialize())


def describe_export(bundle: ModelBundle, encoder: ExportedEncoder, *, kind: str) -> dict:
    """Return the content of the sidecar: how images are prepared and what the outputs mean."""
    rule, scaling = bundle.input_rule, bundle.trained.scaling
    fit = rule.fit
    meanings = {
        "z": "latents, float32 (n, d)",
        "theta": "rotation angle in radians, counter-clockwise, float32 (n,)",
        "tau": "position of the canonical origin, x to the right and y up, in half sides of the image, float32 (n, 2)",
        "cluster": f"int32 (n,), nearest mean of {encoder.clusterer} in z",
    }
    return {
        "format": f"irl-inr {kind}",
        "version": bundle.version,
        "model": bundle.digest,
        "input": {
            "name": "images",
            "shape": ["n", fit.out_side, fit.out_side, rule.channels],
            "dtype": rule.dtype,
            "values": list(rule.values),
            "preparation": {
                "padded_to_side": fit.side or "longer side of each image",
                "resized_to_side": fit.out_side,
                "resampling": fit.resampling,
                "background": np.asarray(fit.background).tolist(),
                "border_levelled": fit.level,
                "background_in_boxes": list(fit.mask),
                "background_outside_circle": fit.circle,
            },
            "scaling": {"scale": scaling.scale, "offset": scaling.offset, "applied": "inside the program"},
        },
        "outputs": [{"name": name, "meaning": meanings[name]} for name in encoder.outputs],
        "cluster_names": {
            str(number): text for number, text in bundle.cluster_names.get(encoder.clusterer, {}).items()
        },
    }


def write_export(path: Path, content: bytes, facts: dict) -> None:
    """Write program and sidecar, each in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as partial:
        partial.write_bytes(content)
    write_json(path.with_name(path.name + SIDECAR), facts)
