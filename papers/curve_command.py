"""Train published methods long, and show their scores over the steps.

    python -m papers curve thesis --root DIR
    python -m papers curve simclr --hours 2 --final --set clustering.scan.num_epochs=10 --root DIR
    python -m papers curve irl_inr_mnist_u --set loss.symmetry=1.0 --root DIR
    python -m papers curves

`curve NAME...` trains each in turn with seed 0, at scale long with the published images, steps, batch, optimiser and
rate and with narrow networks, and evaluates the newest checkpoint beside the training whenever steps have grown by a
fifth. The same command continues. --set adds a setting, of training for another run in a folder of its own, or of the
final measurement. `curves` writes a figure and a table per run to docs/results.
"""

import ast
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.console import fail
from irl_inr_jax.commands.flags import run_command
from irl_inr_jax.types import InputError
from papers.curve_report import write_curves
from papers.curve_run import Limits, follow_curve
from papers.curves import CURVES, curve_folder, split_settings, with_settings
from papers.records import Settings
from papers.runner import StoppedError, Workspace
from papers.systems import SCALES, resolve_settings

USAGE = __doc__ or ""


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags that follow the names of curves."""
    flags.DEFINE_enum("scale", "long", SCALES, "networks and training", flag_values=values)
    flags.DEFINE_string("root", "data", "folder of the published data sets; see docs/data.md", flag_values=values)
    flags.DEFINE_string("workdir", "runs/paper", "folder for the runs", flag_values=values)
    flags.DEFINE_integer(
        "num_epochs", 0, "epochs after which training ends; 0: as published", lower_bound=0, flag_values=values
    )
    flags.DEFINE_float(
        "hours",
        0.0,
        "training time after which this call stops a run; 0: no limit",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_bool(
        "evaluate_on_cpu", False, "evaluate on the CPU, so that an accelerator only trains", flag_values=values
    )
    flags.DEFINE_bool("final", False, "measure also SCAN or DEC, on the last checkpoint", flag_values=values)
    flags.DEFINE_multi_string("set", [], "KEY=VALUE, a setting; may be repeated", flag_values=values)


def define_report_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of `curves`."""
    flags.DEFINE_string("workdir", "runs/paper", "folder of the runs", flag_values=values)
    flags.DEFINE_string("output", "docs/results", "folder for the figures and curves.md", flag_values=values)


def main(verb: str, names: Sequence[str], arguments: Sequence[str]) -> int:
    """Run `curve NAME...` or `curves`; return the exit status."""
    if verb == "curves":
        if names:
            return fail(f"expected only flags after curves, found {names[0]!r}; see --help")
        return run_command(define_report_flags, report_curves, arguments, usage=USAGE)
    unknown = [name for name in names if name not in CURVES]
    if unknown or not (names or {"-h", "-help", "--help"} & set(arguments)):
        found = repr(unknown[0]) if unknown else "none"
        return fail(f"expected curves among {', '.join(CURVES)} after curve, found {found}; see --help")
    return run_command(define_flags, lambda values: follow_all(values, names), arguments, usage=USAGE)


def follow_all(values: flags.FlagValues, names: Sequence[str]) -> int:
    """Train and evaluate the named curves in turn; return the exit status."""
    workspace = Workspace(Path(values.workdir).absolute(), str(Path(values.root).absolute()), values.scale)
    trained, evaluated = split_settings(read_settings(values.set))
    try:
        for number, name in enumerate(names, start=1):
            curve = with_settings(CURVES[name], trained)
            check_keys(resolve_settings(CURVES[name].training, workspace.scale), (*trained, *evaluated))
            print(f"\n[{number} of {len(names)}] {name}: {curve.title}", flush=True)
            follow_curve(
                workspace,
                curve,
                curve_folder(workspace, curve, trained),
                limits=Limits(values.num_epochs, values.hours),
                on_cpu=values.evaluate_on_cpu,
                with_final=values.final,
                evaluation_settings=evaluated,
            )
    except StoppedError as stopped:
        print("stopped; the same command continues from there")
        return stopped.status
    return 0


def read_settings(assignments: Sequence[str]) -> Settings:
    """Return KEY=VALUE pairs as settings; values are Python literals or else text. Raises InputError without '='."""
    settings = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"expected --set KEY=VALUE, found {assignment!r}; see irl_inr_jax/config")
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        settings.append((key, value))
    return tuple(settings)


def check_keys(known: dict[str, object], settings: Settings) -> None:
    """Raise InputError for a key that the configuration does not have."""
    for key, _ in settings:
        if key not in known:
            raise InputError(f"expected a key of irl_inr_jax/config after --set, found {key!r}; see docs/systems.md")


def report_curves(values: flags.FlagValues) -> int:
    """Write figures and curves.md from the points of all runs; return the exit status."""
    for path in write_curves(Path(values.workdir), Path(values.output)):
        print(f"wrote {path}")
    return 0
