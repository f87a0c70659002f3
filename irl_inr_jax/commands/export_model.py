"""Write the encoder of a model for other software: `irl-inr export-model`.

    irl-inr export-model --model wafers.irl --to stablehlo --out wafers.stablehlo
    irl-inr export-model --model wafers.irl --to onnx --out wafers.onnx --batch-size 16

stablehlo: one file for JAX on CPU, GPU and TPU, for any number of images, which does not need this package:

    encoder = jax.export.deserialize(bytearray(open("wafers.stablehlo", "rb").read()))
    z, theta, tau, cluster = encoder.call(images)

onnx: a graph for ONNX Runtime and others, for --batch_size images at once (fill up the last batch). The values of the
images are those that are stored, as float32. Needs the extra onnx, and about two minutes.

images are squares as stored for the encoder; OUT.json has their side, type, channels and preparation, the scaling that
the program applies, and the meaning of the outputs. cluster is that of the nearest mean of the first clusterer in z.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.flags import run_command

_SUFFIXES = {"stablehlo": ".stablehlo", "onnx": ".onnx"}


def main(arguments: Sequence[str]) -> int:
    """Export as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("model", None, "file of irl-inr save, ending in .irl", flag_values=values)
    flags.DEFINE_enum("to", None, list(_SUFFIXES), "format", flag_values=values)
    flags.DEFINE_string("out", "", "file to write; default: the model's with the format's suffix", flag_values=values)
    flags.DEFINE_integer("batch_size", 16, "with onnx: images in one call", 1, flag_values=values)


def run(values: flags.FlagValues) -> int:
    """Write the program and its description and return the exit status."""
    from irl_inr_jax.deployment.bundle_file import load_bundle
    from irl_inr_jax.deployment.exported import (
        SIDECAR,
        describe_export,
        export_stablehlo,
        make_exported_encoder,
        write_export,
    )
    from irl_inr_jax.deployment.exported_onnx import describe_onnx_input, export_onnx
    from irl_inr_jax.types import InputError

    if values.model is None or values.to is None:
        raise InputError(f"expected --model NAME.irl and --to {'|'.join(_SUFFIXES)}; see --help")
    model, suffix = Path(values.model).expanduser(), _SUFFIXES[values.to]
    out = Path(values.out).expanduser() if values.out else model.with_suffix(suffix)
    if out.suffix != suffix:
        raise InputError(f"expected a file ending in {suffix} for --out with --to {values.to}, found {out}")
    bundle = load_bundle(model)
    encoder = make_exported_encoder(bundle)
    facts = describe_export(bundle, encoder, kind=values.to)
    if values.to == "onnx":
        content = export_onnx(bundle, encoder, batch_size=values.batch_size)
        facts = describe_onnx_input(facts, batch_size=values.batch_size)
    else:
        content = export_stablehlo(bundle, encoder)
    write_export(out, content, facts)
    described = f"{out.name}{SIDECAR} describes them"
    print(f"{out}: {len(content) / 1e6:.2f} MB, images -> {', '.join(encoder.outputs)}; {described}")
    return 0
