"""Test the ONNX graph in ONNX Runtime, in processes without the types that are checked in tests."""

import json
import subprocess
import sys

import numpy as np
import pytest

from irl_inr_jax.deployment.bundle_file import save_bundle
from irl_inr_jax.deployment.exported import make_exported_encoder
from irl_inr_jax.deployment.exported_onnx import export_onnx
from irl_inr_jax.types import InputError
from tests.small_model import make_small_images, make_small_model


def test_a_missing_converter_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(InputError, match=r"pip install 'irl-inr-jax\[onnx\]'"):
        export_onnx(make_small_model(), make_exported_encoder(make_small_model()), batch_size=4)


@pytest.mark.slow
def test_onnx_runtime_computes_what_the_encoder_does(tmp_path):
    pytest.importorskip("jax2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model, images = make_small_model(), make_small_images()[:8, ..., None]
    save_bundle(tmp_path / "small.irl", model)
    command = [
        "-m",
        "irl_inr_jax",
        "export-model",
        "--model",
        str(tmp_path / "small.irl"),
        "--to=onnx",
        "--batch-size=8",
    ]
    finished = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr
    facts = json.loads((tmp_path / "small.onnx.json").read_text())
    session = onnxruntime.InferenceSession(tmp_path / "small.onnx")
    given = session.get_inputs()[0]
    assert given.name == facts["input"]["name"] and given.shape == facts["input"]["shape"] == [8, 12, 12, 1]
    names = [entry["name"] for entry in facts["outputs"]]
    found = dict(zip(names, session.run(names, {given.name: images.astype(np.float32)}), strict=True))
    latents, pose = model.trained.encode(images)
    np.testing.assert_allclose(found["z"], latents, atol=1e-4)
    np.testing.assert_allclose(np.exp(1j * found["theta"]), np.exp(1j * np.asarray(pose.theta)), atol=1e-4)
    np.testing.assert_allclose(found["tau"], pose.tau, atol=1e-4)
    np.testing.assert_array_equal(found["cluster"], model.reference.clusters["kmeans"][:8])
