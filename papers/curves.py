"""Long training runs of the published methods as data, and the settings of one.

A `Curve` is a training run, and its checkpoints are evaluated while it is trained; `curve_run.py` does that.
"""

import dataclasses
from pathlib import Path
from urllib.parse import quote

from ml_collections import ConfigDict

from papers.records import Cell, Settings, TrainingSpec
from papers.runner import Workspace
from papers.systems import list_variants, resolve_config, training_settings
from papers.tables import MNIST_U, ROTATED, TABLES, TITLES, WAFERS

# Few enough for an evaluation to take seconds; the wafers are evaluated as published, on 3,556 maps.
TEST_IMAGES: Settings = (("data.num_test", 2000),)
NUM_KEPT = 4  # checkpoints on disk, so that the newest one is not deleted while an evaluation reads it


@dataclasses.dataclass(frozen=True)
class Curve:
    """A training run whose scores are followed over its steps.

    published: cells of the tables whose published values the curve is compared with. save_every_epochs: epochs between
    checkpoints, 900 to 4,700 steps. final: the cell that is measured once, on the last checkpoint; None for none.
    """

    name: str
    title: str
    training: TrainingSpec
    published: tuple[Cell, ...]
    save_every_epochs: int
    final: Cell | None = None


def find_cell(table: str, row: str, column: str) -> Cell:
    """Return the cell of a table by the names of its row and column."""
    return next(cell for cell in TABLES[table].cells if (cell.row, cell.column) == (row, column))


def _table2(*rows: str, config: str = MNIST_U) -> tuple[Cell, ...]:
    return tuple(find_cell("table2", row, TITLES[config]) for row in rows)


def _table1(row: str, *columns: str) -> tuple[Cell, ...]:
    return tuple(find_cell("table1", row, column) for column in columns)


IRL_INR = ("IRL-INR, k-means", "IRL-INR, agglomerative")

CURVES: dict[str, Curve] = {
    curve.name: curve
    for curve in (
        Curve(
            "thesis",
            "Thesis on rotated MNIST without 9",
            TrainingSpec(ROTATED, "thesis", TEST_IMAGES),
            (find_cell("thesis4.1", "Thesis, k-means", TITLES[ROTATED]),),
            save_every_epochs=10,
            final=find_cell("thesis4.1", "Thesis + DEC", TITLES[ROTATED]),
        ),
        Curve(
            "irl_inr_rotated",
            "IRL-INR on rotated MNIST, without translations; published for MNIST(U)",
            TrainingSpec(ROTATED, "irl_inr", (("data.exclude_classes", ()), *TEST_IMAGES)),
            (*_table2(*IRL_INR), *_table1("IRL-INR", "Rotation")),
            save_every_epochs=5,
        ),
        Curve(
            "irl_inr_wafers",
            "IRL-INR on WM811k",
            TrainingSpec(WAFERS, "irl_inr"),
            _table2(*IRL_INR, config=WAFERS),
            save_every_epochs=50,
            final=find_cell("table3", "IRL-INR + SCAN", TITLES[WAFERS]),
        ),
        Curve(
            "irl_inr_mnist_u",
            "IRL-INR on MNIST(U)",
            TrainingSpec(MNIST_U, "irl_inr", TEST_IMAGES),
            (*_table2(*IRL_INR), *_table1("IRL-INR", "Rotation", "Translation x, y")),
            save_every_epochs=5,
            final=find_cell("table3", "IRL-INR + SCAN", TITLES[MNIST_U]),
        ),
        Curve(
            "target_vae",
            "TARGET-VAE P8 on MNIST(U); clusters published for P16",
            TrainingSpec(MNIST_U, "target_vae", (("model.group_conv.num_rotations", 8), *TEST_IMAGES)),
            (
                *_table2("TARGET-VAE, k-means", "TARGET-VAE, agglomerative"),
                *_table1("TARGET-VAE P8", "Rotation", "Translation x, y"),
            ),
            save_every_epochs=2,
            final=find_cell("table3", "TARGET-VAE + SCAN", TITLES[MNIST_U]),
        ),
        Curve(
            "spatial_vae",
            "Spatial-VAE on MNIST(U)",
            TrainingSpec(MNIST_U, "spatial_vae", TEST_IMAGES),
            (
                *_table2("Spatial-VAE, k-means", "Spatial-VAE, agglomerative"),
                *_table1("Spatial-VAE", "Rotation", "Translation x, y"),
            ),
            save_every_epochs=5,
        ),
        Curve(
            "simclr",
            "SimCLR on MNIST(U)",
            TrainingSpec(MNIST_U, "simclr", TEST_IMAGES),
            (),
            save_every_epochs=8,
            final=find_cell("table3", "SimCLR + SCAN", TITLES[MNIST_U]),
        ),
        Curve(
            "ours",
            "Our recipe on MNIST(U); published for IRL-INR",
            TrainingSpec(MNIST_U, "ours", TEST_IMAGES),
            (*_table2(*IRL_INR), *_table1("IRL-INR", "Rotation", "Translation x, y")),
            save_every_epochs=5,
            final=find_cell("table3", "Our recipe + SCAN", TITLES[MNIST_U]),
        ),
    )
}


def with_settings(curve: Curve, settings: Settings) -> Curve:
    """Return the curve with other settings of the training on top of its own: another run, for a comparison."""
    training = dataclasses.replace(
        curve.training, settings=tuple((dict(curve.training.settings) | dict(settings)).items())
    )
    return dataclasses.replace(curve, training=training)


def list_curves() -> str:
    """Return one line per curve: its name and title."""
    width = max(map(len, CURVES))
    return "\n".join(f"  {curve.name:{width}}  {curve.title}" for curve in CURVES.values())


def curve_folder(workspace: Workspace, curve: Curve, settings: Settings) -> Path:
    """Return the folder of a curve; `settings`, which `with_settings` has added, are part of its name.

    Their order does not count, and characters of values that a path or a URL reserves are percent-encoded.
    """
    described = [f"{key}={quote(str(value), safe='')}" for key, value in sorted(settings)]
    return workspace.workdir / "curves" / "-".join([curve.name, workspace.scale, *described])


def training_overrides(workspace: Workspace, curve: Curve, num_epochs: int) -> dict[str, object]:
    """Return what train.py sets on top of the preset's variants; num_epochs: 0 for those of the scale."""
    settings: dict[str, object] = {
        "train.picture_every_epochs": 0,
        "train.keep_checkpoints": NUM_KEPT,
        "train.save_every_epochs": curve.save_every_epochs,
        **dict(training_settings(curve.training, workspace.scale)),
    }
    if num_epochs:
        settings["train.num_epochs"] = num_epochs
    return {"data.root": workspace.data_root, **settings}


def curve_config(workspace: Workspace, curve: Curve, num_epochs: int) -> ConfigDict:
    """Return the whole configuration that train.py reads from `training_arguments`."""
    config = resolve_config(curve.training, workspace.scale)
    config.update_from_flattened_dict(training_overrides(workspace, curve, num_epochs))
    return config


def training_arguments(workspace: Workspace, curve: Curve, folder: Path, num_epochs: int) -> list[str]:
    """Return the arguments of train.py; num_epochs: 0 for those of the scale."""
    return [
        f"--config=configs/{curve.training.config}.py:{list_variants(curve.training, workspace.scale)}",
        f"--workdir={folder / 'run'}",
        *(f"--config.{key}={value}" for key, value in training_overrides(workspace, curve, num_epochs).items()),
    ]
