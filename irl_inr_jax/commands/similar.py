"""Find the images nearest to one image under all rotations: `irl-inr similar`.

    irl-inr similar --workdir runs/mine new/photo.png
    irl-inr similar --workdir runs/mine train/00012 -n 40

The image is a file, prepared as the images of the run are, or the id of an image of the run. It is compared with the
evaluated images by the distance of config.orbits: over all rotations and, unless that is switched off, small
distortions. Prints rank, id, distance (of the distortion model, where images are ranked by it), similarity (1 for a
rotated copy), the rotation in degrees, counter-clockwise, that matches the neighbour to the query, and its cluster. A
picture shows the query and its neighbours rotated like the query: DIR/eval/similar_ID.png, or --output FILE.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from irl_inr_jax.commands.flags import expand_bare_argument, run_command

if TYPE_CHECKING:
    import numpy as np
    from ml_collections import ConfigDict

    from irl_inr_jax.data.source import Source
    from irl_inr_jax.evaluation.similar_images import SimilarImages
    from irl_inr_jax.evaluation.stored import StoredEvaluation
    from irl_inr_jax.types import Dataset

_WITH_VALUE = ("workdir", "output", "clusterer", "count")


class Query(NamedTuple):
    """The image that others are compared with: its name, pixels (1, h, w, c) as stored, and its row if it has one."""

    name: str
    image: "np.ndarray"
    row: int | None


def main(arguments: Sequence[str]) -> int:
    """Search as `arguments` request and return the exit status."""
    return run_command(define_flags, run, _expand_arguments(arguments), usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    flags.DEFINE_string("workdir", None, "folder of an evaluated run", flag_values=values)
    flags.DEFINE_string("image", None, "file or id; the same as the argument without a flag", flag_values=values)
    flags.DEFINE_integer("count", 24, "number of neighbours; -n 24 for short", 1, flag_values=values)
    flags.DEFINE_string("output", "", "PNG file of the picture; default: DIR/eval/similar_ID.png", flag_values=values)
    flags.DEFINE_string(
        "clusterer", "", "whose clusters are listed; default: the first of the evaluation", flag_values=values
    )


def run(values: flags.FlagValues) -> int:
    """Print the neighbours, save the picture and return the exit status."""
    import numpy as np

    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import from_json
    from irl_inr_jax.data.assembly import assemble_dataset, convert_bool
    from irl_inr_jax.data.datasets import open_source
    from irl_inr_jax.evaluation.similar_images import find_similar, make_similar_settings, match_query
    from irl_inr_jax.evaluation.stored import choose_clusterer, load_evaluation
    from irl_inr_jax.report.figures.names import name_data
    from irl_inr_jax.report.file_names import make_file_names
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    if values.workdir is None or values.image is None:
        raise InputError("expected --workdir DIR and an image file or id; see --help")
    workdir = Path(values.workdir)
    config = from_json(workdir / "config.json")
    check_config(config)
    stored = load_evaluation(workdir)
    clusterer = choose_clusterer(stored, values.clusterer)
    output = Path(values.output) if values.output else None
    if output is not None and output.suffix.lower() != ".png":
        raise InputError(f"expected a file ending in .png for --output, found {output}")
    source = convert_bool(open_source(config.data))
    dataset = assemble_dataset(config.data, source)
    split = dataset.test if stored.results["data"]["split"] == "test" and dataset.test else dataset.train
    if not np.array_equal(split.ids, stored.ids):
        raise InputError(f"expected the images that were evaluated, found others; evaluate {workdir} again")
    query = find_query(values.image, config, source, dataset, stored)
    settings = make_similar_settings(config, dataset.scaling)
    found = find_similar(query.image, split.images, settings, count=values.count, own_row=query.row)
    print(format_table(list_similar(found, stored, clusterer)))
    if output is None:
        output = workdir / "eval" / make_file_names([f"similar_{query.name}"], [".png"])[0]
    matched = match_query(query.image, split.images[found.rows], found, settings)
    save_picture(
        output,
        query,
        found,
        matched=matched,
        clusters=stored.clusters[clusterer],
        cluster_names=stored.cluster_names.get(clusterer, {}),
        scaling=dataset.scaling,
        title=f"The {len(found.rows)} images of {name_data(config.data)} most similar to {query.name}",
        subtitle=f"nearest first, rotated like the query by the angle below · clusters by {clusterer}",
    )
    print(f"\n{output}: {query.name} and {len(found.rows)} images, rotated like it")
    return 0


def find_query(
    name: str, config: "ConfigDict", source: "Source", dataset: "Dataset", stored: "StoredEvaluation"
) -> Query:
    """Return the image of that id, or of that file. Raises InputError if there is neither."""
    import difflib

    from irl_inr_jax.evaluation.similar_images import prepare_file
    from irl_inr_jax.types import InputError

    rows = {str(image_id): row for row, image_id in enumerate(stored.ids)}
    for part in (dataset.train, dataset.test):
        if part is not None and (part.ids == name).any():
            number = int((part.ids == name).argmax())
            return Query(name, part.images[number : number + 1], rows.get(name))
    if Path(name).is_file():
        return Query(Path(name).name, prepare_file(config.data, source, Path(name)), None)
    similar = difflib.get_close_matches(name, list(rows)[:20_000], n=1, cutoff=0.4) or [str(stored.ids[0])]
    raise InputError(f"expected an image file or the id of an image of the run, such as {similar[0]}, found {name!r}")


def list_similar(found: "SimilarImages", stored: "StoredEvaluation", clusterer: str) -> list[dict[str, object]]:
    """Return the rows of the table."""
    import numpy as np

    rows = []
    for rank, row in enumerate(found.rows):
        line: dict[str, object] = {"rank": rank + 1, "id": str(stored.ids[row])}
        if found.distance is not None:
            line["distance"] = float(found.distance[rank])
        line["similarity"] = f"{found.similarity[rank]:.3f}"
        line["rotation"] = f"{np.degrees(found.angles[rank]):.0f}°" + (", mirrored" if found.mirrored[rank] else "")
        number = int(stored.clusters[clusterer][row])
        line[clusterer] = stored.cluster_names.get(clusterer, {}).get(number, number)
        if stored.classes is not None:
            line["class"] = str(stored.classes[row])
        rows.append(line)
    return rows


def save_picture(
    path: Path,
    query: Query,
    found: "SimilarImages",
    *,
    matched: "np.ndarray",
    clusters: "np.ndarray",
    cluster_names: dict[int, str],
    scaling: "Scaling",
    title: str,
    subtitle: str,
) -> None:
    """Save the query and its neighbours, rotated like it."""
    import numpy as np

    from irl_inr_jax.data.scaling import to_display, to_unit
    from irl_inr_jax.report.figures.similar_figure import save_similar

    def name_cluster(row: int) -> str:
        cluster = int(clusters[row])
        return "noise" if cluster < 0 else cluster_names.get(cluster, f"cluster {cluster}")

    captions = [("query", "" if query.row is None else name_cluster(query.row))]
    for rank, row in enumerate(found.rows):
        captions.append((f"{rank + 1}: {np.degrees(found.angles[rank]):.0f}°", name_cluster(int(row))))
    shown = to_display(scaling, np.concatenate([np.asarray(to_unit(scaling, query.image)), matched]))
    save_similar(path, shown[0], shown[1:], captions, title=title, subtitle=subtitle)


def _expand_arguments(arguments: Sequence[str]) -> list[str]:
    """Return --image=NAME for the NAME without a flag, and --count for -n."""
    given = [f"--count{argument[2:]}" if argument.partition("=")[0] == "-n" else argument for argument in arguments]
    return expand_bare_argument(given, flag="image", with_value=_WITH_VALUE)
