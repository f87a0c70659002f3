"""Figure 2 of the paper: reconstructions by TARGET-VAE and by IRL-INR with and without symmetry breaking."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from irl_inr_jax.config.storage import from_json
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.evaluation.pipeline import choose_split
from irl_inr_jax.report.figures.reconstruction_figures import save_image_rows
from irl_inr_jax.report.figures.training_figure import evenly_spaced_rows
from irl_inr_jax.training.trained import load_trained
from papers.records import TrainingSpec
from papers.runner import Workspace, run_folder
from papers.tables import FIGURE, TITLES, WAFERS

NUM_SHOWN = 12
PLANKTON = "whoi_plankton"
FIGURE_RUNS: dict[str, dict[str, TrainingSpec]] = {
    config: {
        "TARGET-VAE": TrainingSpec(config, "target_vae"),
        "no symmetry": TrainingSpec(config, "irl_inr", (("loss.symmetry", 0.0),)),
        "IRL-INR": TrainingSpec(config, "irl_inr"),
        "our recipe": TrainingSpec(config, "ours"),
    }
    for config in (WAFERS, PLANKTON)
}


def save_figure(workspace: Workspace, config: str) -> Path:
    """Save test images of one data set above their reconstructions by each trained system; return the PNG's path."""
    rows: dict[str, Float[np.ndarray, "n h w c"]] = {}
    for name, spec in FIGURE_RUNS[config].items():
        workdir = run_folder(workspace, spec, 0) / "run"
        settings = from_json(workdir / "config.json")
        dataset = make_dataset(settings.data)
        trained, _ = load_trained(workdir, settings, dataset)
        _, images = choose_split(dataset, "auto")
        shown = images.images[evenly_spaced_rows(len(images.images), NUM_SHOWN)]
        rows.setdefault("input", trained.to_display(trained.to_unit(shown)))
        rows[name] = trained.to_display(trained.render(*trained.encode(shown), side=shown.shape[1]))
    path = workspace.workdir / "tables" / f"{FIGURE}-{config}-{workspace.scale}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image_rows(
        path,
        rows,
        f"Reconstructions of {(TITLES | {PLANKTON: 'plankton'}).get(config, config)}, scale {workspace.scale}",
        "each from the latent z and the pose predicted by a system",
    )
    return path
