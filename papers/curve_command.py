"""Train published methods long, and show their scores over the steps.

    python -m papers curve thesis --root DIR
    python -m papers curve simclr --hours 2 --final --set clustering.scan.num_epochs=10 --root DIR
    python -m papers curve irl_inr_mnist_u --set loss.symmetry=1.0 --root DIR
    python -m papers curves

`curve NAME...` trains each in turn with seed 0, at scale long with the published images, steps, batch, optimizer and
rate and with narrow networks, and evaluates the newest checkpoint beside the training whenever steps have grown by a
fifth. The same command continues. --set adds a setting, of training for another run in a folder of its own, or of the
final measurement. `curves` writes the points, a figure and a table of each run to docs/results, beside those of runs
that the workdir does not have.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.console import fail
from irl_inr_jax.commands.flags import run_command
from papers.curve_report import write_curves
from papers.curve_run import Limits, follow_curve
from papers.curve_settings import resolve_assignments
from papers.curves import CURVES, list_curves
from papers.runner import StoppedError, Workspace
from papers.systems import SCALES

USAGE = f"{(__doc__ or '').rstrip()}\n\nCurves:\n\n{list_curves()}\n"


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
        "evaluate_on_cpu",
        False,
        "evaluate the points on the CPU, so that an accelerator only trains; --final uses the accelerator",
        flag_values=values,
    )
    flags.DEFINE_bool("final", False, "measure also SCAN or DEC, on the last checkpoint", flag_values=values)
    flags.DEFINE_multi_string("set", [], "KEY=VALUE, a setting; may be repeated", flag_values=values)


def define_report_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of `curves`."""
    flags.DEFINE_string("workdir", "runs/paper", "folder of the runs", flag_values=values)
    flags.DEFINE_string("output", "docs/results", "folder for curves.md, the points and figures", flag_values=values)


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
    settings = [
        resolve_assignments(workspace, CURVES[name], values.set, with_final=values.final) for name in names
    ]  # of all curves, so that an error in the last one is found before the first is trained
    try:
        for number, (name, (trained, evaluated)) in enumerate(zip(names, settings, strict=True), start=1):
            print(f"\n[{number} of {len(names)}] {name}: {CURVES[name].title}", flush=True)
            follow_curve(
                workspace,
                CURVES[name],
                trained,
                limits=Limits(values.num_epochs, values.hours),
                on_cpu=values.evaluate_on_cpu,
                with_final=values.final,
                evaluation_settings=evaluated,
            )
    except StoppedError as stopped:
        print("stopped; the same command continues from there")
        return stopped.status
    return 0


def report_curves(values: flags.FlagValues) -> int:
    """Write points, figures and curves.md of all runs; return the exit status."""
    for path in write_curves(Path(values.workdir), Path(values.output)):
        print(f"wrote {path}")
    return 0
