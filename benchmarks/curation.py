"""Measure accuracy by the number of corrected images, chosen by the list of `irl-inr curate` or at random.

    python -m benchmarks.curation --workdirs runs/a,runs/b,runs/c --clusterer orbit_knn
    python -m benchmarks.curation --workdirs runs/a,runs/b,runs/c --clusterer consensus --refine

The runs have been evaluated on images with labels, one run for each seed. A simulated user first names each cluster by
the most common class of its ten most confident images, which merges clusters of one class, and then states the class of
the listed images, 50 at a time. Accuracy is the share of all images, the corrected ones included, whose cluster has the
name of their class. 'alone': only the corrected images change. Mean ± standard deviation over the runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from irl_inr_jax.commands.flags import parse_flags, run_script

if TYPE_CHECKING:
    import numpy as np

    from irl_inr_jax.evaluation.curation import CuratedClusters

WORKDIRS = flags.DEFINE_list("workdirs", None, "folders of evaluated runs, separated by commas")
CLUSTERER = flags.DEFINE_string("clusterer", "", "whose clusters; default: the first of the evaluation")
BUDGETS = flags.DEFINE_list("budgets", ["20", "100", "500"], "numbers of corrected images")
REFINE = flags.DEFINE_bool("refine", False, "also train the classifier of --refine at each number")

NUM_TYPICAL = 10


def main() -> int:
    """Print one row for each number of corrected images; return the exit status."""
    import numpy as np

    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    if not WORKDIRS.value or not all(number.isdecimal() for number in BUDGETS.value):
        raise InputError("expected --workdirs of evaluated runs and whole numbers for --budgets; see --help")
    budgets = sorted(map(int, BUDGETS.value))
    measured: dict[tuple[str, int], list[float]] = {}
    for workdir in map(Path, WORKDIRS.value):
        for key, accuracy in simulate_run(workdir, budgets).items():
            measured.setdefault(key, []).append(accuracy)
        print(f"… {workdir.name} done", flush=True)
    rows = []
    for count in [0, *budgets]:
        row: dict[str, object] = {"corrected": count}
        for kind in dict.fromkeys(kind for kind, _ in measured):
            values = 100 * np.array(measured.get((kind, count), ()))
            deviation = values.std(ddof=1) if len(values) > 1 else 0.0
            row[kind] = f"{values.mean():.1f} ± {deviation:.1f}" if len(values) else ""
        rows.append(row)
    print(format_table(rows))
    return 0


def simulate_run(workdir: Path, budgets: list[int]) -> dict[tuple[str, int], float]:
    """Return the accuracy of one run by way of choosing and number of corrected images."""
    import numpy as np

    from irl_inr_jax.clustering.label_refinement import refine_clusters
    from irl_inr_jax.clustering.propagation import choose_informative
    from irl_inr_jax.config.storage import from_json
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.evaluation.curation import start_curation
    from irl_inr_jax.evaluation.stored import choose_clusterer, load_uncorrected
    from irl_inr_jax.workflows.spread_corrections import (
        NUM_LISTED,
        compute_shares,
        evaluated_images,
        find_neighbours,
    )

    config = from_json(workdir / "config.json")
    stored = load_uncorrected(workdir)
    clusterer = choose_clusterer(stored, CLUSTERER.value)
    dataset = make_dataset(config.data)
    images = evaluated_images(dataset, stored, workdir)
    assert images.labels is not None
    neighbours = find_neighbours(workdir, config, dataset, images, stored)
    start = start_curation(np.asarray(stored.ids, str), stored.clusters[clusterer], stored.confidence[clusterer])
    named = name_by_typical_images(start, images.labels)
    found = {("alone, random", 0): measure_accuracy(named.home, images.labels)}
    for choice in ("random", "list"):
        rng, state = np.random.default_rng(config.seed), named
        for budget in budgets:
            while (num_known := int(state.corrected.sum())) < budget:
                count = min(NUM_LISTED, budget - num_known)
                if choice == "list":
                    shares = compute_shares(state, neighbours)
                    rows = choose_informative(shares, neighbours, known=state.corrected, count=count)
                else:
                    rows = rng.choice(np.flatnonzero(~state.corrected), count, replace=False)
                state = state_classes(state, rows, images.labels)
            shares = compute_shares(state, neighbours)
            found[f"alone, {choice}", budget] = measure_accuracy(state.home, images.labels)
            found[f"--propagate, {choice}", budget] = measure_shares(shares, images.labels)
            if REFINE.value:
                options = {"corrected": state.corrected, "config": config, "seed": config.seed}
                refined = refine_clusters(images.images, dataset.scaling, shares, **options)
                found[f"--refine, {choice}", budget] = measure_shares(refined, images.labels)
    return found


def name_by_typical_images(state: "CuratedClusters", labels: "np.ndarray") -> "CuratedClusters":
    """Return the state with each cluster merged into the one numbered as the class of its most confident images."""
    import numpy as np

    home = state.home.copy()
    for number in np.unique(state.home[state.home >= 0]):
        members = np.flatnonzero(state.home == number)
        typical = members[np.argsort(-state.confidence[members], kind="stable")[:NUM_TYPICAL]]
        home[members] = np.bincount(labels[typical]).argmax()
    return state._replace(home=home)


def state_classes(state: "CuratedClusters", rows: "np.ndarray", labels: "np.ndarray") -> "CuratedClusters":
    """Return the state after the user has put images into the clusters of their classes."""
    from irl_inr_jax.evaluation.curation import Move, apply_operations

    moves = [Move(tuple(state.ids[rows[labels[rows] == label]]), int(label)) for label in set(labels[rows].tolist())]
    return apply_operations(state, moves)


def measure_shares(shares: "np.ndarray", labels: "np.ndarray") -> float:
    """Return the accuracy of the most probable clusters."""
    from irl_inr_jax.clustering.propagation import choose_clusters

    return measure_accuracy(choose_clusters(shares)[0], labels)


def measure_accuracy(clusters: "np.ndarray", labels: "np.ndarray") -> float:
    """Return the share of images in the cluster of their class."""
    return float((clusters == labels).mean())


if __name__ == "__main__":
    parse_flags()
    run_script(main)
