"""Assign new images to the clusters of a model, and report drift: `irl-inr assign`.

    irl-inr assign --model wafers.irl NEW --out assigned.csv --report
    irl-inr assign --model wafers.irl NEW --out assigned.csv --fail-on-drift 0.01
    irl-inr assign --model wafers.irl --watch DIR --out assigned.csv

NEW is what `irl-inr inspect` takes (a folder, a pattern, a table of paths, a file of many images), or one image file.
The model is a file of `irl-inr save`; neither the run nor its images are needed. Columns of the table: id; of each
clusterer its cluster (-1: none), the cluster's name if it has one, and a confidence between 0 and 1; outlier_score (of
the latents; about 1 for a known kind); novelty (0 for the median of the cluster, above 1 outside the known clusters);
outside (true or false); theta (radians, counter-clockwise), tau_x and tau_y (pixels of the image, to the right and up
from its middle); nearest (id of the nearest known image).

Drift: new images are compared, cluster by cluster, with images that were held out of training, by the quality of their
reconstruction, their distance to known images, and z. Written to OUT with the suffix .drift.json, and printed as one
sentence. --fail-on-drift RATE: the status is 3 if there is drift. RATE is the probability of a false alarm: a rate of
0.01 fails for one in a hundred sets of images like the known ones. Changed sizes of clusters alone are reported, but no
drift.

--watch: assign files as they arrive in the folder DIR, each once, until Ctrl-C. The table is continued, also after the
process was killed. A file is read when its size and time no longer change; one that cannot be read is tried again when
it changes. Drift is that of the last 2,000 images since the start.

Exit status: 0; 2 for an error that you can correct; 3 for drift with --fail-on-drift.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from irl_inr_jax.commands.flags import expand_bare_argument, run_command

if TYPE_CHECKING:
    from irl_inr_jax.deployment.drift import Drift
    from irl_inr_jax.deployment.model_bundle import ModelBundle

DRIFT_STATUS = 3
_WITH_VALUE = ("model", "out", "fail_on_drift", "poll_seconds")


def main(arguments: Sequence[str]) -> int:
    """Assign as `arguments` request and return the exit status."""
    return run_command(define_flags, run, _expand_arguments(arguments), usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("model", None, "file of irl-inr save, ending in .irl", flag_values=values)
    flags.DEFINE_string("new", None, "the new images; the same as the argument without a flag", flag_values=values)
    flags.DEFINE_string(
        "out", "assigned.csv", "table to write; an earlier one is replaced, another file is not", flag_values=values
    )
    flags.DEFINE_bool("report", False, "write a page about the new images, OUT with .html", flag_values=values)
    flags.DEFINE_float(
        "fail_on_drift",
        None,
        "status 3 for drift, with this probability of a false alarm",
        0.0,
        1.0,
        flag_values=values,
    )
    flags.DEFINE_bool("watch", False, "assign files as they arrive in the folder NEW, until Ctrl-C", flag_values=values)
    flags.DEFINE_float("poll_seconds", 2.0, "with --watch: time between two looks", 0.05, flag_values=values)


def run(values: flags.FlagValues) -> int:
    """Assign the images and return the exit status."""
    from irl_inr_jax.deployment.bundle_file import load_bundle
    from irl_inr_jax.deployment.drift import DEFAULT_RATE
    from irl_inr_jax.types import InputError

    if values.model is None or values.new is None:
        raise InputError("expected --model NAME.irl and new images; see --help")
    if values.watch and values.report:
        raise InputError("expected --report without --watch, which has no end; run it on the folder afterwards")
    out = Path(values.out).expanduser()
    if out.suffix != ".csv":
        raise InputError(f"expected a file ending in .csv for --out, found {out}")
    rate = DEFAULT_RATE if values.fail_on_drift is None else values.fail_on_drift
    bundle = load_bundle(Path(values.model).expanduser())
    if values.watch:
        from irl_inr_jax.commands.assign_watch import watch

        drift = watch(bundle, Path(values.new).expanduser(), out, rate=rate, poll_seconds=values.poll_seconds)
    else:
        from irl_inr_jax.deployment.assigned_table import lock_table

        with lock_table(out):
            drift = assign_all(bundle, values.new, out, rate=rate, with_page=values.report)
    return DRIFT_STATUS if drift.alarm and values.fail_on_drift is not None else 0


def assign_all(bundle: "ModelBundle", what: str, out: Path, *, rate: float, with_page: bool) -> "Drift":
    """Write the table, drift and, if requested, the page of new images; print a summary and return the drift."""
    import time

    import numpy as np

    from irl_inr_jax.deployment.assigned_table import (
        append_lines,
        check_earlier_table,
        column_names,
        format_lines,
        start_table,
    )
    from irl_inr_jax.deployment.drift_file import drift_path, read_model_digest, save_drift
    from irl_inr_jax.deployment.image_assignment import assign_chunks
    from irl_inr_jax.deployment.new_images import read_new_images
    from irl_inr_jax.report.html.assignment_page import (
        Gallery,
        check_earlier_page,
        is_assignment_page,
        save_assignment_page,
    )
    from irl_inr_jax.training.progress import show_progress

    page, has_earlier = out.with_suffix(".html"), check_earlier_table(out)
    read_model_digest(drift_path(out))
    if with_page:
        check_earlier_page(page)
    partial = out.with_name(out.name + ".partial")
    check_earlier_table(partial)  # of a call that was killed
    new = read_new_images(bundle, what, max_unreadable=1.0)
    gallery = Gallery(bundle) if with_page else None
    start_table(partial, column_names(bundle), raw=bundle.config.evaluation.raw_csv)
    measured, done, started = [], 0, time.monotonic()
    with show_progress("assigned images", len(new.ids)) as update:
        for assigned in assign_chunks(bundle, new, np.arange(len(new.ids))):
            append_lines(partial, format_lines(bundle, assigned))
            measured.append(assigned.measured)
            if gallery is not None:
                gallery.add(assigned)
            done += len(assigned.ids)
            update(done, "")
    partial.replace(out)
    seconds = time.monotonic() - started
    drift = save_drift(drift_path(out), bundle, measured, rate=rate)
    for line in new.skipped:
        print(f"  not read: {line}")
    replaced = ", in place of the earlier table" if has_earlier else ""
    print(f"{out}: {done:,} images, {done / max(seconds, 1e-9):,.0f} a second{replaced}")
    if gallery is not None:
        save_assignment_page(page, bundle, drift, gallery, title=what)
        print(f"{page}: open it in a browser")
    elif has_earlier and is_assignment_page(page):
        print(f"{page}: of the earlier table; --report writes it again")
    print(drift.sentence)
    return drift


def _expand_arguments(arguments: Sequence[str]) -> list[str]:
    """Return --new=NAME for the NAME without a flag and for --watch=NAME."""
    given = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_folder = name == "--watch" and equals and value.lower() not in ("true", "false")
        given += ["--watch", value] if is_folder else [argument]
    return expand_bare_argument(given, flag="new", with_value=_WITH_VALUE)
