"""Figure 2 of the paper: what TARGET-VAE, and IRL-INR with and without symmetry breaking, make of complex images."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from irl_inr_jax.config.storage import from_json
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.evaluation.pipeline import choose_split
from irl_inr_jax.report.figures.recon_figures import save_image_rows
from irl_inr_jax.report.figures.training_picture import spread_rows
from irl_inr_jax.training.run import load_trained
from papers.runner import Place, folder_of
from papers.tables import FIGURE, FIGURE_RUNS

NUM_SHOWN = 12


def save_figure(place: Place, config: str) -> Path:
    """Test images of one data set above what each trained system (seed 0) draws of them; the path of the PNG."""
    rows: dict[str, Float[np.ndarray, "n h w c"]] = {}
    for name, run in FIGURE_RUNS[config].items():
        workdir = folder_of(place, run, 0) / "run"
        settings = from_json(workdir / "config.json")
        dataset = make_dataset(settings.data)
        trained, _ = load_trained(workdir, settings, dataset, say=print)
        _, images = choose_split(dataset, "auto")
        shown = images.images[spread_rows(len(images.images), NUM_SHOWN)]
        rows.setdefault("input", trained.to_display(trained.to_unit(shown)))
        rows[name] = trained.to_display(trained.render(*trained.encode(shown), side=shown.shape[1]))
    path = place.workdir / "tables" / f"{FIGURE}-{config}-{place.scale}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image_rows(path, rows, f"Reconstructions of {config}", "each from the z and the pose that a system finds")
    return path
