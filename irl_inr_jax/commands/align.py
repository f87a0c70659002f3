"""Write every image of an evaluated run rotated and shifted upright: `irl-inr align`.

    irl-inr align --workdir runs/mine --to upright
    irl-inr align --workdir runs/mine --to upright --side 128 --format npy

Each image is moved back by the pose that the trained encoder predicts, in one interpolation from the original pixels,
and keeps its type (8 bits, 16 bits or floating point) and channels; what comes into view has the value of the
background. Upright is the orientation that the model has chosen: similar images share it, but it need not be yours.
Without --side the result has the side of the originals, padded to a common square; originals that were each resized to
fill a square (config.data.same_scale=False) keep that size.

Writes to the new folder: images/ (png) or aligned.npy, .tif or .mrcs, all images in the order of clusters.csv; ids.csv,
which has the id and cluster of each; means.npz and means.png, the mean image of each cluster before and after. The
sharper the means after alignment, the better the poses agree within the clusters.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from irl_inr_jax.commands.flags import run_command

if TYPE_CHECKING:
    import numpy as np

    from irl_inr_jax.evaluation.alignment import Canvas, ClusterMeans
    from irl_inr_jax.evaluation.user_images import UserImages
    from irl_inr_jax.types import Pose

_FORMATS = ["png", "npy", "tif", "mrcs"]
_SMALL_GAIN = 0.1  # in the share of the energy


def main(arguments: Sequence[str]) -> int:
    """Align as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("workdir", None, "folder of an evaluated run", flag_values=values)
    flags.DEFINE_string("to", None, "new folder to write", flag_values=values)
    flags.DEFINE_integer(
        "side", 0, "of the aligned images in pixels; 0 is that of the originals", 0, flag_values=values
    )
    flags.DEFINE_enum(
        "format",
        None,
        _FORMATS,
        "png: one file per image; npy, tif, mrcs: one stack. Default: png where it holds the type, else npy",
        flag_values=values,
    )
    flags.DEFINE_string(
        "clusterer", "", "whose clusters the means are of; default: the first of the evaluation", flag_values=values
    )


def run(values: flags.FlagValues) -> int:
    """Write the aligned images and the means and return the exit status."""
    import numpy as np

    from irl_inr_jax.config.checked_files import write_arrays
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import from_json
    from irl_inr_jax.evaluation.alignment import make_canvas
    from irl_inr_jax.evaluation.curated_table import list_names
    from irl_inr_jax.evaluation.stored import choose_clusterer, load_evaluation, require_pose
    from irl_inr_jax.evaluation.user_images import open_user_images
    from irl_inr_jax.report.aligned_files import check_format, name_image_files, write_index
    from irl_inr_jax.report.exported_folders import check_is_new, new_folder
    from irl_inr_jax.report.figures.alignment_figure import save_alignment
    from irl_inr_jax.report.figures.names import name_data
    from irl_inr_jax.report.image_writer import choose_suffix
    from irl_inr_jax.types import InputError

    if values.workdir is None or values.to is None:
        raise InputError("expected --workdir DIR and --to FOLDER; see --help")
    workdir, out = Path(values.workdir), Path(values.to).expanduser()
    check_is_new(out)
    config = from_json(workdir / "config.json")
    check_config(config)
    stored = load_evaluation(workdir)
    pose, clusterer = require_pose(stored), choose_clusterer(stored, values.clusterer)
    images = open_user_images(config, stored)
    source, clusters = images.source, stored.clusters[clusterer]
    kind = values.format or ("png" if choose_suffix(source.dtype, source.channels) == ".png" else "npy")
    check_format(kind, source.dtype, source.channels)
    canvas = make_canvas(config.data, source, values.side)
    with new_folder(out) as folder:
        files = name_image_files(stored.ids) if kind == "png" else None
        means = align_all(folder, images, canvas, kind=kind, files=files, pose=pose, clusters=clusters)
        named = None if files is None else [f"images/{file}" for file in files]
        names = list_names(stored, clusterer) if clusterer in stored.cluster_names else None
        write_index(folder / "ids.csv", stored.ids, clusters, names, named, raw=stored.raw_csv)
        level = means.background[:, None, None, :]
        arrays = {
            "cluster": np.arange(len(means.counts)),
            "count": means.counts,
            "before": (means.before + level).astype(np.float32),
            "after": (means.after + level).astype(np.float32),
        }
        write_arrays(folder / "means.npz", arrays)
        title = f"{clusterer} on {name_data(config.data)}"
        save_alignment(folder / "means.png", means, stored.scaling, title)
    before, after = (f"{100 * share:.1f} %" for share in means.sharpness)
    what = "images/" if kind == "png" else f"aligned.{kind}"
    print(
        f"{out}: {what} ({len(clusters)} images of {canvas.side}x{canvas.side} pixels, {source.dtype}), ids.csv, "
        f"means.npz, means.png\n"
        f"the means of the clusters by {clusterer} hold {before} of the images' energy before alignment, {after} after"
    )
    if means.sharpness[1] < means.sharpness[0] + _SMALL_GAIN:
        print(
            "the gain is small: the images of a cluster differ or are nearly symmetric, or their poses are not "
            "reliable; look at means.png"
        )
    return 0


def align_all(
    folder: Path,
    images: "UserImages",
    canvas: "Canvas",
    *,
    kind: str,
    files: list[str] | None,
    pose: "Pose",
    clusters: "np.ndarray",
) -> "ClusterMeans":
    """Align and write all images in batches; return the means of the clusters."""
    import jax
    import numpy as np

    from irl_inr_jax.evaluation.alignment import MeanSums, align_batch, batch_size_of
    from irl_inr_jax.report.aligned_files import open_image_folder, open_stack
    from irl_inr_jax.training.progress import show_progress

    source, total = images.source, len(clusters)
    size = batch_size_of(canvas, source.channels)
    sums = MeanSums(int(clusters.max(initial=-1)) + 1, canvas.side, source.channels)
    shape = (total, canvas.side, canvas.side, source.channels)
    opened: AbstractContextManager = (
        open_stack(folder, kind, shape, source.dtype) if files is None else open_image_folder(folder / "images", files)
    )
    with opened as write, show_progress("images aligned", total) as update:
        for first in range(0, total, size):
            rows = np.arange(first, min(first + size, total))
            part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], pose)
            batch = align_batch(images.read(rows), part, canvas, size=size)
            write(first, batch.stored(source.dtype))
            sums.add(batch, clusters[rows])
            update(int(rows[-1]) + 1, "")
    return sums.finish()
