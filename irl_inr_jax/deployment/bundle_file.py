"""A model as one file, NAME.irl: a zip of model.json, weights.safetensors and arrays.safetensors. No part is pickled.

model.json has the configuration, names, rules and the digest of everything; weights.safetensors the parameters of
encoder, decoder and classifiers; arrays.safetensors the reference and the held-out images.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import jax
import numpy as np
import safetensors
import safetensors.numpy
from flax.traverse_util import empty_node, flatten_dict, unflatten_dict

from irl_inr_jax.clustering.outlier_index import OutlierIndex
from irl_inr_jax.config.checked_files import DAMAGE, replace_file
from irl_inr_jax.config.storage import parse_config, to_json
from irl_inr_jax.deployment.model_bundle import HeldOut, InputRule, ModelBundle, Reference
from irl_inr_jax.deployment.novelty import Familiarity
from irl_inr_jax.methods import METHODS
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.types import Fit, InputError, Pose, Scaling

SUFFIX = ".irl"
FORMAT, FORMAT_VERSION = "irl-inr model", 2
MEMBERS = ("model.json", "weights.safetensors", "arrays.safetensors")
_DATE = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal models are equal files


def save_bundle(path: Path, bundle: ModelBundle) -> None:
    """Write the model to `path` in one step. Raises InputError for another suffix than .irl."""
    if path.suffix != SUFFIX:
        raise InputError(f"expected a file ending in {SUFFIX} for the model, found {path}; choose {path.stem}{SUFFIX}")
    content = pack_bundle(bundle)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise InputError(f"expected {path} to be writable: {error}") from None


def load_bundle(path: Path) -> ModelBundle:
    """Read a file of `save_bundle`.

    Raises InputError for a missing or damaged file, another digest than that of its content, and a newer format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"expected a model in {path}: {error.strerror or error}; write one with irl-inr save --workdir DIR "
            f"--out NAME{SUFFIX}"
        ) from None
    return unpack_bundle(content, place=str(path))


def pack_bundle(bundle: ModelBundle) -> bytes:
    """Return the content of the file."""
    facts, weights, arrays = _describe(bundle), _weights(bundle), _arrays(bundle)
    parts = [json.dumps(facts, indent=1).encode(), safetensors.numpy.save(weights), safetensors.numpy.save(arrays)]
    parts[0] = json.dumps({**facts, "digest": _digest(facts, *parts[1:])}, indent=1).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in zip(MEMBERS, parts, strict=True):
            member = zipfile.ZipInfo(name, _DATE)
            archive.writestr(member, part, compress_type=zipfile.ZIP_DEFLATED, compresslevel=6)
    return packed.getvalue()


def unpack_bundle(content: bytes, *, place: str) -> ModelBundle:
    """Return the model of the content of a file; place: its name, for errors. Raises InputError as `load_bundle`."""
    advice = "copy it again, or write it again with irl-inr save"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [archive.read(name) for name in MEMBERS]
        facts = json.loads(parts[0])
        kind, version = facts["format"], facts["format_version"]
        if kind == FORMAT and version > FORMAT_VERSION:
            raise InputError(
                f"expected a model of format {FORMAT_VERSION} in {place}, found format {version} of irl-inr-jax "
                f"{facts['version']}; update this package"
            )
        if kind == FORMAT and version < FORMAT_VERSION:
            raise InputError(
                f"expected a model of format {FORMAT_VERSION} in {place}, found format {version}, of other "
                f"measures of novelty; write it again with irl-inr save"
            )
        digest = facts.pop("digest")
        if kind != FORMAT or digest != _digest(facts, *parts[1:]):
            raise InputError(f"expected {place} as it was written, found another digest of its content; {advice}")
        return _assemble(facts, *(safetensors.numpy.load(part) for part in parts[1:]), digest=digest)
    except InputError:
        raise
    except (*DAMAGE, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"expected a model in {place}, found a damaged file ({reason}); {advice}") from None


def digest_bundle(bundle: ModelBundle) -> str:
    """Return the SHA-256 of everything in the model but its digest."""
    arrays = [safetensors.numpy.save(part) for part in (_weights(bundle), _arrays(bundle))]
    return _digest(_describe(bundle), *arrays)


def _digest(facts: dict, weights: bytes, arrays: bytes) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for part in (weights, arrays):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _describe(bundle: ModelBundle) -> dict:
    rule = bundle.input_rule
    fit = rule.fit._replace(background=np.asarray(rule.fit.background).tolist())
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "version": bundle.version,
        "config": json.loads(to_json(bundle.config)),
        "scaling": bundle.trained.scaling._asdict(),
        "input_rule": {**rule._asdict(), "fit": fit._asdict()},
        "clusterers": bundle.clusterers,
        "cluster_names": {
            name: {str(number): text for number, text in names.items()} for name, names in bundle.cluster_names.items()
        },
        "held_out": bundle.held_out.kind,
        "verdict": bundle.verdict,
        "facts": bundle.facts,
        "empty": [name for name, leaf in _flatten_weights(bundle).items() if leaf is empty_node],
        "ids": [str(value) for value in bundle.reference.ids],
    }


def _weights(bundle: ModelBundle) -> dict[str, np.ndarray]:
    leaves = _flatten_weights(bundle)
    return {name: np.asarray(leaf, order="C") for name, leaf in leaves.items() if leaf is not empty_node}


def _flatten_weights(bundle: ModelBundle) -> dict:
    trained = bundle.trained
    trees = {"params": trained.params, "model_state": trained.model_state, "classifiers": bundle.classifiers}
    return flatten_dict(trees, keep_empty_nodes=True, sep="/")


def _arrays(bundle: ModelBundle) -> dict[str, np.ndarray]:
    reference, held_out = bundle.reference, bundle.held_out
    arrays = {
        "latents": reference.latents,
        "outliers": reference.outliers,
        "reach": reference.index.reach,
        "density": reference.index.density,
        "images": reference.images,
        "image_rows": reference.image_rows,
        "held_out/latents": held_out.latents,
        "held_out/novelty": held_out.novelty,
    }
    if reference.pose is not None:
        arrays |= {"theta": reference.pose.theta, "tau": reference.pose.tau}
    for name in bundle.clusterers:
        arrays |= {f"clusters/{name}": reference.clusters[name], f"confidence/{name}": reference.confidence[name]}
        arrays[f"held_out/clusters/{name}"] = held_out.clusters[name]
    arrays |= {f"familiarity/{name}": array for name, array in bundle.familiarity._asdict().items()}
    arrays |= {f"numbers/{name}": numbers for name, numbers in bundle.numbers.items()}
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def _assemble(
    facts: dict, weights: dict[str, np.ndarray], arrays: dict[str, np.ndarray], *, digest: str
) -> ModelBundle:
    config, names = parse_config(json.dumps(facts["config"]), place="the model"), facts["clusterers"]
    rule, scaling = facts["input_rule"], Scaling(**facts["scaling"])
    fit = Fit(**{**rule["fit"], "background": np.asarray(rule["fit"]["background"], np.float64)})
    trees = unflatten_dict({**weights, **dict.fromkeys(facts["empty"], empty_node)}, sep="/")
    method = METHODS[config.method](config, num_channels=rule["channels"], low=scaling.low, axis_name=None)
    params, model_state = jax.device_put((trees["params"], trees["model_state"]))
    reference = Reference(
        ids=np.array(facts["ids"], dtype=str),
        latents=arrays["latents"],
        pose=Pose(theta=arrays["theta"], tau=arrays["tau"]) if "theta" in arrays else None,
        clusters={name: arrays[f"clusters/{name}"] for name in names},
        confidence={name: arrays[f"confidence/{name}"] for name in names},
        outliers=arrays["outliers"],
        index=OutlierIndex(arrays["reach"], arrays["density"]),
        images=arrays["images"],
        image_rows=arrays["image_rows"],
    )
    held_out = HeldOut(
        kind=facts["held_out"],
        **{name: arrays[f"held_out/{name}"] for name in ("latents", "novelty")},
        clusters={name: arrays[f"held_out/clusters/{name}"] for name in names},
    )
    return ModelBundle(
        config=config,
        trained=TrainedMethod(method, params, model_state, scaling, config.evaluation.batch_size),
        input_rule=InputRule(
            **{**rule, "values": tuple(rule["values"]), "contrast": tuple(rule["contrast"]), "fit": fit}
        ),
        reference=reference,
        classifiers=trees["classifiers"],
        numbers={name: arrays[f"numbers/{name}"] for name in names if f"numbers/{name}" in arrays},
        cluster_names={
            name: {int(number): text for number, text in entries.items()}
            for name, entries in facts["cluster_names"].items()
        },
        held_out=held_out,
        familiarity=Familiarity(**{name: arrays[f"familiarity/{name}"] for name in Familiarity._fields}),
        verdict=facts["verdict"],
        facts=facts["facts"],
        version=facts["version"],
        digest=digest,
    )
