"""Correct the clusters of an evaluated run, and let the corrections spread: `irl-inr curate`.

    irl-inr curate --workdir runs/mine corrections.csv
    irl-inr curate --workdir runs/mine --propagate
    irl-inr curate --workdir runs/mine --refine
    irl-inr curate --workdir runs/mine --list
    irl-inr curate --workdir runs/mine --undo

The file is the JSON or CSV that report.html downloads, or a table of your own with a column id and some of cluster (a
number), name and junk (1 or 0). A row puts its image into the cluster of that number or name; a new name makes a new
cluster. A row with number and name, with or without an id, names the cluster. All later outputs, such as report,
export, align and save, have the corrected clusters and names; junk is in no cluster. Images are known by their ids, so
that corrections hold for another order, beside new images, and if an evaluation numbers the clusters differently. The
PNG figures in DIR/eval are not drawn again; report.html has the corrections.

--propagate spreads the corrections to neighbours under all rotations; --refine trains a classifier of images on them.
Both keep what was corrected, and write DIR/eval/next_CLUSTERER.csv, the images that would tell most: fill in the column
name or junk and apply the file. Each call adds a version to DIR/curation.json, which --undo takes back.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from irl_inr_jax.commands.flags import expand_bare_argument, run_command

if TYPE_CHECKING:
    from irl_inr_jax.evaluation.curation import CuratedClusters
    from irl_inr_jax.evaluation.curation_versions import Curation
    from irl_inr_jax.evaluation.stored import StoredEvaluation


def main(arguments: Sequence[str]) -> int:
    """Correct as `arguments` request and return the exit status."""
    return run_command(
        define_flags,
        run,
        expand_bare_argument(arguments, flag="file", with_value=("workdir", "clusterer", "restore")),
        usage=__doc__ or "",
    )


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("workdir", None, "folder of an evaluated run", flag_values=values)
    flags.DEFINE_string("file", None, "corrections; the same as the argument without a flag", flag_values=values)
    flags.DEFINE_string(
        "clusterer", "", "whose clusters; default: that of the JSON file, or the first", flag_values=values
    )
    flags.DEFINE_bool("list", False, "list the versions", flag_values=values)
    flags.DEFINE_bool("undo", False, "drop the last version", flag_values=values)
    flags.DEFINE_integer("restore", None, "drop the versions after this one; 0: all", 0, flag_values=values)
    flags.DEFINE_bool("propagate", False, "spread the corrections to neighbours", flag_values=values)
    flags.DEFINE_bool("refine", False, "train a classifier on the corrections", flag_values=values)


def run(values: flags.FlagValues) -> int:
    """Apply, undo, list or spread corrections and return the exit status."""
    from irl_inr_jax.training.workdir_lock import lock_workdir
    from irl_inr_jax.types import InputError

    if values.workdir is None:
        raise InputError("expected --workdir DIR, the folder of an evaluated run; see --help")
    chosen = [values.list, values.undo, values.restore is not None]
    spreads = values.propagate or values.refine
    if values.propagate and values.refine:
        raise InputError("expected --propagate or --refine, found both; call one after the other")
    if sum(chosen) + bool(values.file or spreads) != 1:
        raise InputError(
            "expected one of a file, --propagate, --refine, --list, --undo and --restore N (--propagate and --refine "
            "may follow a file); see --help"
        )
    workdir = Path(values.workdir)
    with lock_workdir(workdir, "evaluation") if workdir.is_dir() and not values.list else contextlib.nullcontext():
        return correct_clusters(workdir, values)


def correct_clusters(workdir: Path, values: flags.FlagValues) -> int:
    """Do what the flags request and return the exit status."""
    from irl_inr_jax.evaluation.curation_versions import load_curations
    from irl_inr_jax.evaluation.stored import choose_clusterer, load_uncorrected

    stored = load_uncorrected(workdir)
    requested = values.clusterer or _clusterer_of(values.file)
    clusterer = choose_clusterer(stored, requested)
    curation = load_curations(workdir).get(clusterer)
    if values.list:
        print(describe_versions(curation, clusterer))
        return 0
    if values.undo or values.restore is not None:
        return restore_version(workdir, curation, clusterer, values.restore)
    if values.file:
        apply_file(workdir, Path(values.file), stored, clusterer)
    if values.propagate or values.refine:
        from irl_inr_jax.workflows.spread_corrections import spread_corrections

        print(spread_corrections(workdir, stored, clusterer, by="propagate" if values.propagate else "refine"))
    return 0


def apply_file(workdir: Path, path: Path, stored: "StoredEvaluation", clusterer: str) -> None:
    """Add a version with the corrections of a file, and print what they are."""
    from irl_inr_jax.evaluation.curation import apply_operations, describe_operation, is_change
    from irl_inr_jax.evaluation.curation_file import read_corrections
    from irl_inr_jax.evaluation.stored import has_raw_corrections
    from irl_inr_jax.workflows.curation_steps import add_version, current_curation, states_of_versions

    curation = current_curation(workdir, stored, clusterer)
    states = states_of_versions(curation, stored, clusterer)
    applied = [version.operations for version in curation.versions]
    options = {"clusterer": clusterer, "data": stored.results["data"], "raw": has_raw_corrections(stored.results)}
    operations = read_corrections(path, states, applied, **options)
    if not operations or not is_change(states[-1], apply_operations(states[-1], operations)):
        print(
            f"{path}: nothing to correct in the clusters by {clusterer}; version {len(applied)} has it all (of a table "
            f"with the cluster of every image, only images whose cluster differs are corrections)"
        )
        return
    add_version(workdir, curation, clusterer, source=path.name, operations=operations)
    for operation in operations[:20]:
        print(describe_operation(operation))
    if len(operations) > 20:
        print(f"and {len(operations) - 20} more")
    changed = states_of_versions(current_curation(workdir, stored, clusterer), stored, clusterer)
    print(
        f"\nversion {len(applied) + 1} of the clusters by {clusterer}: {describe_correction(changed[-2], changed[-1])}"
    )
    print(f"irl-inr report --workdir {workdir} shows them; irl-inr curate --workdir {workdir} --undo takes them back")


def describe_correction(before: "CuratedClusters", after: "CuratedClusters") -> str:
    """Return how many images, clusters, names and junk there are, and how many images changed."""
    num_clusters = len(set(after.clusters.tolist()) - {-1})
    changed = int((before.clusters != after.clusters).sum())
    junk = f", {int(after.junk.sum()):,} junk" if after.junk.any() else ""
    return (
        f"{changed:,} of {len(after.ids):,} images change; {num_clusters} clusters, {len(after.names)} with a name; "
        f"{int(after.corrected.sum()):,} corrected{junk}"
    )


def describe_versions(curation: "Curation | None", clusterer: str) -> str:
    """Return a line for each version."""
    from irl_inr_jax.evaluation.curation import describe_operation

    if curation is None or not curation.versions:
        return f"there are no corrections of the clusters by {clusterer}"
    lines = [f"versions of the clusters by {clusterer}; 0 is that of the clusterer"]
    for number, version in enumerate(curation.versions, 1):
        described = [describe_operation(operation) for operation in version.operations]
        more = f" and {len(described) - 3} more" if len(described) > 3 else ""
        lines.append(f"  {number}  {version.made}  {version.source}: {'; '.join(described[:3])}{more}")
    return "\n".join(lines)


def restore_version(workdir: Path, curation: "Curation | None", clusterer: str, number: int | None) -> int:
    """Drop the versions after `number`, the last one for None."""
    from irl_inr_jax.types import InputError
    from irl_inr_jax.workflows.curation_steps import keep_versions

    count = 0 if curation is None else len(curation.versions)
    if curation is None or (number is not None and number > count):
        raise InputError(
            f"expected a version of the clusters by {clusterer} to go back to, found {count} versions; see --list"
        )
    kept = count - 1 if number is None else number
    keep_versions(workdir, curation, clusterer, kept)
    print(f"the clusters by {clusterer} are those of version {kept} again")
    return 0


def _clusterer_of(file: str | None) -> str:
    """Return the clusterer that a JSON file of report.html names, '' for another file."""
    from irl_inr_jax.evaluation.curation_file import read_edits

    path = Path(file or "")
    return read_edits(path)["clusterer"] if path.suffix.lower() == ".json" and path.is_file() else ""
