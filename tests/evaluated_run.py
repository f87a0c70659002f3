"""A run with an evaluation, written without training: for tests of what is read back from it."""

import numpy as np
from PIL import Image

from irl_inr_jax.clustering import Clustering
from irl_inr_jax.config.checked_files import write_json
from irl_inr_jax.config.storage import to_json
from irl_inr_jax.evaluation.embeddings import save_embeddings
from irl_inr_jax.evaluation.stored import describe_files
from irl_inr_jax.presets import images as images_preset
from irl_inr_jax.report.assignments import save_assignments
from irl_inr_jax.types import Embeddings, Pose


def make_blob_images(theta, tau, side):
    """Images (n, side, side) of an asymmetric object in known poses, evaluated exactly in float64; background is 0."""
    y, x = np.meshgrid(1 - (2 * np.arange(side) + 1) / side, (2 * np.arange(side) + 1) / side - 1, indexing="ij")
    images = []
    for angle, (shift_x, shift_y) in zip(np.atleast_1d(theta), np.atleast_2d(tau), strict=True):
        u, v = x - shift_x, y - shift_y
        u, v = np.cos(angle) * u + np.sin(angle) * v, -np.sin(angle) * u + np.cos(angle) * v
        bar = np.exp(-((u - 0.05) ** 2) / 0.09 - v**2 / 0.012)
        dot = 0.9 * np.exp(-((u - 0.25) ** 2 + (v - 0.22) ** 2) / 0.02)
        images.append(np.clip(bar + dot, 0, 1))
    return np.stack(images)


def write_run(workdir, data, ids, *, clusters, pose, split="train", columns=None, labels=None, class_names=()):
    """Write config.json and eval/ of a run on `data`, keys of config.data; clusters: by clusterer, (n,) each."""
    config = images_preset.get_config("small")
    config.data.update(**data)
    (workdir / "eval").mkdir(parents=True)
    (workdir / "config.json").write_text(to_json(config))
    ids = np.asarray(ids)
    latents = np.random.default_rng(0).normal(size=(len(ids), 3)).astype(np.float32)
    embeddings = Embeddings(ids=ids, latents=latents, pose=pose, labels=labels)
    confidence = np.linspace(1, 0.5, len(ids)).astype(np.float32)
    clusterings = {
        name: Clustering(np.asarray(values, np.int32), confidence, transductive=True)
        for name, values in clusters.items()
    }
    outliers = np.linspace(0.9, 1.4, len(ids)).astype(np.float32)
    save_embeddings(workdir / "eval" / "embeddings.npz", embeddings)
    table = workdir / "eval" / "clusters.csv"
    save_assignments(table, embeddings, clusterings, outliers, class_names, columns or {}, raw=False)
    results = {
        "data": {
            "name": config.data.name,
            "sha256": "0123",
            "split": split,
            "class_names": list(class_names),
            "scaling": {"scale": 1 / 255, "offset": 0.0, "low": 0.0, "description": ""},
        },
        "clustering": {
            "pixels_kmeans": {},
            **{name: {} for name in clusters},
            "gmm": {"skipped": "expected something else"},
        },
        "method": config.method,
    }
    results["files"] = describe_files(workdir / "eval", raw_csv=False)
    write_json(workdir / "eval" / "results.json", results)
    return config


def write_png_folder(folder, names, images):
    """Write images (n, h, w) with values in [0, 1] as PNG files of 8 bits; return what is stored."""
    stored = np.round(255 * images).astype(np.uint8)
    for name, pixels in zip(names, stored, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
    return stored


def sample_pose(count, seed=0, shift=0.1):
    """Random poses as they are stored."""
    rng = np.random.default_rng(seed)
    theta = rng.uniform(-np.pi, np.pi, count).astype(np.float32)
    return Pose(theta=theta, tau=rng.uniform(-shift, shift, (count, 2)).astype(np.float32))
