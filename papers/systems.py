"""The systems of the tables as variants of the configurations, and the two scales at which they run."""

import dataclasses
import importlib

from ml_collections import ConfigDict

from irl_inr_jax.config.storage import flatten
from papers.records import Cell, Run, Settings

SCALES = ("small", "paper")
DATA_ALONE = ("data.",)  # blocks of the configuration that a system without training has a use for


@dataclasses.dataclass(frozen=True)
class System:
    """variants: after the configuration's colon. differs: how it differs from the publication even at its own scale."""

    variants: tuple[str, ...]
    differs: str = ""


SYSTEMS = {
    "irl_inr": System(("paper",)),
    "ours": System((), "our recipe: pose from moments, encoder sees the upright image, cross-reconstruction, d = 16"),
    "thesis": System(("thesis",)),
    "autoencoder": System(("thesis", "autoencoder")),
    "pixel_autoencoder": System(
        ("pixel_autoencoder",), "trained as a whole on turned images, not layer by layer; Adam, not SGD"
    ),
    "spatial_vae": System(("spatial_vae",)),
    "target_vae": System(("target_vae",), "a fixed number of epochs, without plateau and early stopping"),
    "simclr": System(("simclr",), "Adam, not SGD; a linear layer from the trunk to d"),
    "mlp_generator": System(("paper", "mlp_generator")),
    "irl_inr_autoencoder": System(("paper", "autoencoder")),
    "ours_mlp_generator": System(("mlp_generator",)),
    "ours_autoencoder": System(("autoencoder",)),
    "orbit_knn": System(("orbit_knn",), "learns nothing; clusters the test images by themselves"),
}
# One optimiser for all at this scale: a thousand steps at the publications' own rates would leave most of them where
# they started.
SMALL_TRAINING: Settings = (
    ("train.optimizer", "adamw"),
    ("train.learning_rate", 1e-3),
    ("train.b1", 0.9),
    ("train.b2", 0.99),
    ("train.schedule", "cosine"),
    ("train.warmup_steps", 100),
    ("train.clip_norm", 1.0),
    ("train.batch_size", 128),
    ("model.encoder.stage_sizes", (1, 1, 1, 1)),
)
SMALL_DIGITS: Settings = (("data.num_train", 5000), ("data.num_test", 2000), ("train.num_epochs", 15))
# At 50x50 pixels ResNet's stem of ImageNet takes half the time of 3x3/2, and TARGET-VAE attends to 11x11 places.
SMALL_MNIST_U: Settings = (
    *SMALL_DIGITS,
    ("model.encoder.stem", "7x7"),
    ("model.group_conv.padding", 9),
    ("model.group_conv.stride", 4),
)
SMALL_DATA: dict[str, Settings] = {
    "mnist_u": SMALL_MNIST_U,
    "mnist_u_no9": SMALL_MNIST_U,
    "rotated_mnist": SMALL_DIGITS,
    "rotated_fashion_mnist": SMALL_DIGITS,
    "wm811k": (("train.num_epochs", 10),),
    "whoi_plankton": (("data.class_images", (500, 100)), ("train.num_epochs", 15)),
}
SMALL_CLUSTERING: Settings = (("clustering.scan.num_epochs", 4), ("clustering.scan.selflabel_epochs", 2))


def variants_of(run: Run, scale: str) -> str:
    """What stands after the colon of --config."""
    return ",".join([*SYSTEMS[run.system].variants, *(["small"] if scale == "small" else [])])


def training_settings(run: Run, scale: str) -> Settings:
    """What is set on top of the variants for train.py; the run's own settings come last."""
    if scale == "paper":
        return run.settings
    settings = (*SMALL_DATA[run.config], *SMALL_TRAINING)
    if run.system == "orbit_knn":
        settings = tuple((key, value) for key, value in settings if key.startswith(DATA_ALONE))
    return (*settings, *run.settings)


def evaluation_settings(settings: Settings, scale: str) -> Settings:
    """What is set for evaluate.py; the measure's own settings come last."""
    return (*(SMALL_CLUSTERING if scale == "small" else ()), *settings)


def resolve_config(run: Run, scale: str) -> ConfigDict:
    """The whole configuration of the run, from the file that train.py reads."""
    # The configurations are files beside the package, which imports none of them otherwise.
    config = importlib.import_module(f"configs.{run.config}").get_config(variants_of(run, scale))
    with config.unlocked():
        config.update_from_flattened_dict(dict(training_settings(run, scale)))
    return config


def simplify_cell(cell: Cell, scale: str) -> Cell:
    """The same cell without settings that are the system's own anyway, so that tables share the runs that are alike."""
    bare = flatten(resolve_config(dataclasses.replace(cell.run, settings=()), scale))

    def changed(settings: Settings) -> Settings:
        return tuple((key, value) for key, value in settings if bare[key] != value)

    return dataclasses.replace(
        cell,
        run=dataclasses.replace(cell.run, settings=changed(cell.run.settings)),
        measure=dataclasses.replace(cell.measure, settings=changed(cell.measure.settings)),
    )


NAMED = {
    "data.num_train": "training images",
    "data.num_test": "test images",
    "data.class_images": "images a class",
    "train.num_epochs": "epochs",
    "model.latent_dim": "d",
    "train.learning_rate": "learning rate",
    "train.batch_size": "batch",
}
# The networks of each method, by their block of config.model.
NETWORKS = {
    "irl_inr": ("encoder", "hypernet", "inr"),
    "thesis": ("encoder", "hypernet", "inr"),
    "mlp_generator": ("encoder", "spatial"),
    "autoencoder": ("encoder",),
    "spatial_vae": ("encoder", "spatial"),
    "target_vae": ("group_conv", "spatial"),
    "simclr": ("encoder",),
    "orbit_knn": (),
}
OF_A_RESNET = ("model.encoder.stage_sizes", "model.encoder.width", "model.encoder.stem")
GROUPED = {
    "train.": "another optimiser",
    "clustering.": "clusterers of fewer epochs at other rates",
}


def describe_differences(run: Run, scale: str) -> list[str]:
    """What is not as published, in a few words each: by the system, and by the scale."""
    ours, published = (flatten(resolve_config(run, one)) for one in (scale, "paper"))
    used = DATA_ALONE if run.system == "orbit_knn" else ("",)
    changed = [key for key in ours if ours[key] != published[key] and key.startswith(used)]
    lines = [SYSTEMS[run.system].differs] if SYSTEMS[run.system].differs else []
    for key, name in NAMED.items():
        if key in changed:
            before, after = ("all" if value in (0, ()) else value for value in (published[key], ours[key]))
            lines.append(f"{name} {before} → {after}")
    networks = tuple(f"model.{block}." for block in NETWORKS[ours["method"]])
    unused = () if ours["model.encoder.trunk"] == "resnet18" else OF_A_RESNET
    if any(key.startswith(networks) and key not in unused for key in changed):
        lines.append("smaller networks")
    for prefix, words in GROUPED.items():
        if any(key.startswith(prefix) and key not in NAMED for key in changed):
            lines.append(words)
    return lines
