"""Copy images and clusters out of an evaluated run: `irl-inr export`.

    irl-inr export --workdir runs/mine --clusterer kmeans --to folders
    irl-inr export --workdir runs/mine --to csv --out clusters.csv
    irl-inr export --workdir runs/particles --to star

Reads the last evaluation of the run, with the corrections of irl-inr curate; nothing is trained or clustered again.
Noise, cluster -1, is included, and so is junk, in a folder of its own.

folders: one folder per cluster, with links to your own files (--copy: copies); images of stacks, arrays and published
sets are written as PNG, or as TIFF where their values do not fit. File names are made from the ids; images.csv in the
folder has id, cluster and file of each.
csv, parquet: id, cluster, confidence, outlier_score, class, theta (radians, counter-clockwise), tau_x and tau_y (pixels
of the image, to the right and up from its middle), and the columns of your own table.
star: for RELION. rlnClassNumber is the cluster + 1, 0 for noise, and rlnMaxValueProbDistribution the confidence. An
image is upright after it is moved by (rlnOriginX, rlnOriginY), to the right and down with row 0 at the top, and then
rotated clockwise by rlnAnglePsi degrees, as relion_stack_create --apply_transformation does. Origins are in angstroms
if the stack states its pixel size, otherwise in pixels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from irl_inr_jax.commands.flags import run_command

if TYPE_CHECKING:
    from irl_inr_jax.evaluation.stored import StoredEvaluation
    from irl_inr_jax.evaluation.user_images import UserImages

_FORMATS = ["folders", "csv", "parquet", "star"]


def main(arguments: Sequence[str]) -> int:
    """Export as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("workdir", None, "folder of an evaluated run", flag_values=values)
    flags.DEFINE_string("clusterer", "", "whose clusters; default: the first of the evaluation", flag_values=values)
    flags.DEFINE_enum("to", None, _FORMATS, "what to write", flag_values=values)
    flags.DEFINE_string("out", "", "new folder or file; default: WORKDIR/export/CLUSTERER", flag_values=values)
    flags.DEFINE_bool("copy", False, "with folders: copy files instead of linking to them", flag_values=values)


def run(values: flags.FlagValues) -> int:
    """Write the export and return the exit status."""
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import from_json
    from irl_inr_jax.evaluation.stored import choose_clusterer, load_evaluation
    from irl_inr_jax.evaluation.user_images import open_user_images
    from irl_inr_jax.report.exported_folders import check_is_new
    from irl_inr_jax.types import InputError

    if values.workdir is None or values.to is None:
        raise InputError(f"expected --workdir DIR and --to {'|'.join(_FORMATS)}; see --help")
    if values.copy and values.to != "folders":
        raise InputError(f"expected --copy with --to folders, found --to {values.to}; leave --copy out")
    workdir = Path(values.workdir)
    config = from_json(workdir / "config.json")
    check_config(config)
    stored = load_evaluation(workdir)
    clusterer = choose_clusterer(stored, values.clusterer)
    suffix = "" if values.to == "folders" else f".{values.to}"
    out = Path(values.out).expanduser() if values.out else workdir / "export" / f"{clusterer}{suffix}"
    others = {f".{name}" for name in _FORMATS} - {suffix}
    if out.suffix in others or (values.to == "parquet" and out.suffix != suffix):
        raise InputError(
            f"expected a name ending in {suffix or 'no format'} for --out with --to {values.to}, found {out}"
        )
    check_is_new(out)
    images = open_user_images(config, stored)
    out.parent.mkdir(parents=True, exist_ok=True)
    written = {"folders": export_folders, "star": export_star}.get(values.to, export_table)
    print(f"{out}: {written(out, stored, images, clusterer=clusterer, copy=values.copy)}")
    return 0


def export_folders(out: Path, stored: "StoredEvaluation", images: "UserImages", *, clusterer: str, copy: bool) -> str:
    """Write one folder per cluster; return what was written."""
    import numpy as np

    from irl_inr_jax.report.exported_folders import name_folders, new_folder, write_images, write_links
    from irl_inr_jax.report.image_writer import choose_suffix

    source, clusters = images.source, stored.clusters[clusterer]
    names, junk = stored.cluster_names.get(clusterer, {}), stored.junk.get(clusterer, np.zeros(len(clusters), bool))
    folders = name_folders(clusters, names, junk)
    with new_folder(out) as folder:
        if source.files is not None and source.pages is None:
            files = source.files[images.rows]
            write_links(folder, stored.ids, clusters, files, folders=folders, copy=copy, raw=stored.raw_csv)
            kind = "copies of" if copy else "links to"
        else:
            suffix = choose_suffix(source.dtype, source.channels)
            write_images(folder, stored.ids, clusters, images.read, folders=folders, suffix=suffix, raw=stored.raw_csv)
            kind = f"{suffix[1:]} files of"
    return f"{kind} {len(stored.ids)} images in {len(set(folders))} folders by {clusterer}, images.csv"


def export_table(out: Path, stored: "StoredEvaluation", images: "UserImages", *, clusterer: str, copy: bool) -> str:
    """Write the table of one clusterer; return what was written."""
    from irl_inr_jax.evaluation.user_images import shifts_in_pixels
    from irl_inr_jax.report.exported_table import tabulate_clusters, write_table

    pose = stored.embeddings.pose
    shifts = None if pose is None else shifts_in_pixels(pose.tau, images.sizes, images.side)
    table = tabulate_clusters(stored, clusterer, shifts)
    write_table(out, table, raw=stored.raw_csv)
    return f"{len(stored.ids)} images by {clusterer}; columns {', '.join(table)}"


def export_star(out: Path, stored: "StoredEvaluation", images: "UserImages", *, clusterer: str, copy: bool) -> str:
    """Write the STAR file of one clusterer; return what was written."""
    from irl_inr_jax.data.readers.mrc import read_pixel_size
    from irl_inr_jax.evaluation.user_images import shifts_in_pixels
    from irl_inr_jax.report.star_file import STACK_SUFFIXES, image_names, relion_poses, write_star
    from irl_inr_jax.types import InputError

    source, pose = images.source, stored.embeddings.pose
    if source.files is None:
        raise InputError(
            "expected images in files for --to star, found a published set of arrays; write a stack with irl-inr align "
            "--format mrcs, or use --to csv"
        )
    files = source.files[images.rows]
    if source.pages is not None and Path(files[0]).suffix.lower() not in STACK_SUFFIXES:
        raise InputError(
            f"expected a stack as {', '.join(STACK_SUFFIXES)} for --to star, found {files[0]}; write one with "
            "irl-inr align --format mrcs, or use --to csv"
        )
    names = image_names(files, None if source.pages is None else source.pages[images.rows])
    poses = None
    if pose is not None:
        shifts = shifts_in_pixels(pose.tau, images.sizes, images.side)
        poses = relion_poses(pose.theta, shifts, images.sizes)
    pixel_size = read_pixel_size(Path(files[0]))
    write_star(
        out,
        names,
        stored.clusters[clusterer],
        confidence=stored.confidence[clusterer],
        pose=poses,
        side=int(images.sizes.max()),
        pixel_size=pixel_size,
    )
    unit = f"origins in angstroms, {pixel_size:g} per pixel" if pixel_size else "origins in pixels"
    return f"{len(names)} images by {clusterer}, {unit}"
