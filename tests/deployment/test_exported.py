"""Test the exported encoder in a process without this package, and its description."""

import json
import subprocess
import sys

import jaxtyping
import numpy as np
import pytest

from irl_inr_jax.deployment.exported import (
    describe_export,
    export_stablehlo,
    find_cluster_means,
    make_exported_encoder,
    write_export,
)
from tests.small_model import make_small_images, make_small_model

RUN = """
import sys, json
import numpy as np, jax
path, images, out = sys.argv[1:]
encoder = jax.export.deserialize(bytearray(open(path, "rb").read()))
outputs = encoder.call(np.load(images))
facts = json.load(open(path + ".json"))
np.savez(out, **{entry["name"]: value for entry, value in zip(facts["outputs"], outputs, strict=True)})
assert "irl_inr_jax" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The path of the exported small model."""
    path, model = tmp_path_factory.mktemp("export") / "small.stablehlo", make_small_model()
    encoder = make_exported_encoder(model)
    jaxtyping.config.update("jaxtyping_disable", True)  # it compares sizes, which are unknown for any number of images
    try:
        content = export_stablehlo(model, encoder)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    write_export(path, content, describe_export(model, encoder, kind="stablehlo"))
    return path


@pytest.mark.slow
def test_another_process_computes_the_same_for_any_number_of_images(exported, tmp_path):
    model, images = make_small_model(), make_small_images()[..., None]
    np.save(tmp_path / "images.npy", images[:7])
    command = [sys.executable, "-c", RUN, str(exported), str(tmp_path / "images.npy"), str(tmp_path / "out.npz")]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    latents, pose = model.trained.encode(images[:7])
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_allclose(found["z"], latents, atol=1e-4)
        np.testing.assert_allclose(np.exp(1j * found["theta"]), np.exp(1j * np.asarray(pose.theta)), atol=1e-4)
        np.testing.assert_allclose(found["tau"], pose.tau, atol=1e-4)
        np.testing.assert_array_equal(found["cluster"], model.reference.clusters["kmeans"][:7])


def test_the_description_says_how_images_are_prepared(exported):
    facts = json.loads(exported.with_name(exported.name + ".json").read_text())
    assert facts["input"]["shape"] == ["n", 12, 12, 1] and facts["input"]["dtype"] == "uint8"
    assert facts["input"]["scaling"]["scale"] == make_small_model().trained.scaling.scale
    assert [entry["name"] for entry in facts["outputs"]] == ["z", "theta", "tau", "cluster"]
    assert facts["version"] == make_small_model().version and facts["cluster_names"] == {"1": "ring <&>"}


def test_a_clusterer_without_means_has_those_of_its_reference_images():
    model = make_small_model()._replace(classifiers={}, numbers={})
    name, means, numbers = find_cluster_means(model)
    assert name == "kmeans" and numbers.tolist() == [0, 1, 2]
    own = model.reference.latents[model.reference.clusters["kmeans"] == 2]
    np.testing.assert_allclose(means[2], own.mean(axis=0), rtol=1e-6)
    none = model._replace(reference=model.reference._replace(clusters={}, confidence={}))
    assert find_cluster_means(none)[0] == "" and make_exported_encoder(none).outputs == ("z", "theta", "tau")
