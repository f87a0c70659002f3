"""The encoder of a model as an ONNX graph, by jax2onnx (the extra `onnx`)."""

from irl_inr_jax.deployment.exported import ExportedEncoder
from irl_inr_jax.deployment.model_bundle import ModelBundle
from irl_inr_jax.geometry.polar import real_arithmetic
from irl_inr_jax.types import InputError

INPUT = "images"


def export_onnx(bundle: ModelBundle, encoder: ExportedEncoder, *, batch_size: int) -> bytes:
    """Return the graph for `batch_size` images; the stored values are its float32 input `images`.

    jax2onnx converts the encoder for one number of images only, and no sums of complex numbers, which the search for
    the best rotation therefore avoids here. Raises InputError without jax2onnx.
    """
    try:
        import jax2onnx
    except ImportError:
        raise InputError(
            "expected the packages of the extra onnx for --to onnx, found no jax2onnx; pip install 'irl-inr-jax[onnx]'"
        ) from None
    rule = bundle.input_rule
    shape = (batch_size, rule.fit.out_side, rule.fit.out_side, rule.channels)
    with real_arithmetic():
        graph = jax2onnx.to_onnx(
            encoder.function,
            [shape],
            model_name="irl_inr_encoder",
            input_names=[INPUT],
            output_names=list(encoder.outputs),
        )
    return graph.SerializeToString()


def describe_onnx_input(facts: dict, *, batch_size: int) -> dict:
    """Return the content of a sidecar for the graph: a fixed number of images, of float32."""
    given = facts["input"]
    shape = [batch_size, *given["shape"][1:]]
    return {
        **facts,
        "input": {**given, "name": INPUT, "shape": shape, "dtype": "float32", "stored_dtype": given["dtype"]},
    }
