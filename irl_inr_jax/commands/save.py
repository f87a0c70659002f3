"""Write an evaluated run as one file that clusters new images: `irl-inr save`.

    irl-inr save --workdir runs/wafers --out wafers.irl

The file has the encoder and the decoder, how images are read and scaled, the clusterings with their classifiers, a
sample of the evaluated images, the verdict, and a digest. It needs neither the training images nor the run: copy it to
another machine and use it with irl-inr assign --model, or in Python with irl_inr_jax.IRLINR.load. It is a zip of JSON
and safetensors; nothing in it is executed when it is loaded.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.configuration import override_config
from irl_inr_jax.commands.flags import run_command


def main(arguments: Sequence[str]) -> int:
    """Save as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("workdir", None, "folder of an evaluated run", flag_values=values)
    flags.DEFINE_string("out", None, "file to write, ending in .irl", flag_values=values)


def run(values: flags.FlagValues) -> int:
    """Write the model, describe it and return the exit status."""
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import AFTER_TRAINING, from_json
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.deployment.bundle import bundle_run, count_bytes, save_bundle
    from irl_inr_jax.evaluation.stored import load_evaluation
    from irl_inr_jax.types import InputError

    if values.workdir is None or values.out is None:
        raise InputError("expected --workdir DIR and --out NAME.irl; see --help")
    workdir, out = Path(values.workdir), Path(values.out).expanduser()
    config = from_json(workdir / "config.json")
    changes = load_evaluation(workdir).results.get("options", {}).get("set", [])
    override_config(config, changes, blocks=AFTER_TRAINING)
    check_config(config)
    bundle = bundle_run(workdir, config, make_dataset(config.data))
    save_bundle(out, bundle)
    reference = bundle.reference
    size, weights = out.stat().st_size, count_bytes((bundle.trained.params, bundle.classifiers))
    print(
        f"{out}: {size / 1e6:.2f} MB, of which {weights / 1e6:.2f} MB are parameters before compression; clusters by "
        f"{', '.join(bundle.clusterers)}; {len(reference.ids):,} of {bundle.facts['num_images']:,} images for "
        f"comparison, {len(reference.images):,} of them with pixels; digest {bundle.digest[:12]}"
    )
    return 0
