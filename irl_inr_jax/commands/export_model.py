"""Write the encoder of a model for other software: `irl-inr export-model`.

    irl-inr export-model --model wafers.irl --to stablehlo --out wafers.stablehlo

stablehlo: one file for JAX on CPU, GPU and TPU, for any number of images, which does not need this package:

    encoder = jax.export.deserialize(bytearray(open("wafers.stablehlo", "rb").read()))
    z, theta, tau, cluster = encoder.call(images)

images are squares as stored for the encoder; OUT.json has their side, type, channels and preparation, the scaling that
the program applies, and the meaning of the outputs. cluster is that of the nearest mean of the first clusterer in z.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.flags import run_command

_SUFFIXES = {"stablehlo": ".stablehlo"}


def main(arguments: Sequence[str]) -> int:
    """Export as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("model", None, "file of irl-inr save, ending in .irl", flag_values=values)
    flags.DEFINE_enum("to", "stablehlo", list(_SUFFIXES), "format", flag_values=values)
    flags.DEFINE_string(
        "out", "", "file to write; default: the model's name with the format's suffix", flag_values=values
    )


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
    from irl_inr_jax.types import InputError

    if values.model is None:
        raise InputError("expected --model NAME.irl; see --help")
    model = Path(values.model).expanduser()
    out = Path(values.out).expanduser() if values.out else model.with_suffix(_SUFFIXES[values.to])
    if out.suffix != _SUFFIXES[values.to]:
        raise InputError(
            f"expected a file ending in {_SUFFIXES[values.to]} for --out with --to {values.to}, found {out}"
        )
    bundle = load_bundle(model)
    encoder = make_exported_encoder(bundle)
    content = export_stablehlo(bundle, encoder)
    write_export(out, content, describe_export(bundle, encoder, kind=values.to))
    described = f"{out.name}{SIDECAR} describes them"
    print(f"{out}: {len(content) / 1e6:.2f} MB, images -> {', '.join(encoder.outputs)}; {described}")
    return 0
