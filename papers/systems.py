"""The systems of the tables as variants of the presets, and the three scales at which they are trained."""

import dataclasses
import functools
import importlib

from ml_collections import ConfigDict

from irl_inr_jax.config.storage import flatten
from papers.records import Cell, Settings, TrainingSpec

# quick: narrow networks, few images and steps, one optimizer. long: narrow networks, everything else as published.
SCALES = ("quick", "long", "paper")
DATA_BLOCKS = ("data.",)  # blocks of the configuration that affect a training-free system


@dataclasses.dataclass(frozen=True)
class System:
    """variants: after the preset's colon. differs: deviation from the publication at every scale.

    quick: the variant that makes it narrow at the quick scale; `small` leaves out the neighbours of our recipe.
    """

    variants: tuple[str, ...]
    differs: str = ""
    quick: str = "small"


SYSTEMS = {
    "irl_inr": System(("paper",)),
    "ours": System((), "our recipe: pose from moments, polar encoder, cross-reconstruction, neighbours, d = 10", "cpu"),
    "thesis": System(("thesis",)),
    "autoencoder": System(("thesis", "autoencoder")),
    "pixel_autoencoder": System(
        ("pixel_autoencoder",), "trained end to end on rotated images, not layer by layer; Adam, not SGD"
    ),
    "spatial_vae": System(("spatial_vae",)),
    "target_vae": System(("target_vae",), "a fixed number of epochs, without plateau and early stopping"),
    "simclr": System(("simclr",), "Adam, not SGD; a linear layer from the trunk to d"),
    "mlp_generator": System(("paper", "mlp_generator")),
    "irl_inr_autoencoder": System(("paper", "autoencoder")),
    "ours_mlp_generator": System(("mlp_generator",), quick="cpu"),
    "ours_autoencoder": System(("autoencoder",), quick="cpu"),
    "orbit_knn": System(("orbit_knn",), "training-free; clusters the test images without the training images"),
}
# One optimizer for all systems: after a thousand steps at the published learning rates most would hardly have changed.
QUICK_TRAINING: Settings = (
    ("train.optimizer", "adamw"),
    ("train.learning_rate", 1e-3),
    ("train.b1", 0.9),
    ("train.b2", 0.99),
    ("train.schedule", "cosine"),
    ("train.warmup_steps", 100),
    ("train.clip_norm", 1.0),
    ("train.holdout", 0.0),
    ("train.patience", 0),
    ("train.batch_size", 128),
    ("model.encoder.stage_sizes", (1, 1, 1, 1)),
    # In so few steps z stays small, and a factor would only slow the separation of the classes.
    ("loss.neighbour_scale", 1.0),
)
QUICK_DIGITS: Settings = (("data.num_train", 5000), ("data.num_test", 2000), ("train.num_epochs", 15))
# At 50x50 pixels ResNet's ImageNet stem takes half the time of 3x3/2, and TARGET-VAE attends to 11x11 positions.
QUICK_MNIST_U: Settings = (
    *QUICK_DIGITS,
    ("model.encoder.stem", "7x7"),
    ("model.group_conv.padding", 9),
    ("model.group_conv.stride", 4),
)
QUICK_DATA: dict[str, Settings] = {
    "mnist_u": QUICK_MNIST_U,
    "mnist_u_no9": QUICK_MNIST_U,
    "rotated_mnist": QUICK_DIGITS,
    "rotated_fashion_mnist": QUICK_DIGITS,
    "wm811k": (("train.num_epochs", 10),),
    "whoi_plankton": (("data.class_images", (500, 100)), ("train.num_epochs", 15)),
}
QUICK_CLUSTERING: Settings = (("clustering.scan.num_epochs", 4), ("clustering.scan.selflabel_epochs", 2))


def list_variants(spec: TrainingSpec, scale: str) -> str:
    """Return the variants after the colon of --config, joined by commas; quick and long add a narrow one."""
    system = SYSTEMS[spec.system]
    return ",".join([*system.variants, *([] if scale == "paper" else [system.quick])])


def training_settings(spec: TrainingSpec, scale: str) -> Settings:
    """Return the settings of train.py on top of the variants; the specification's own settings come last."""
    if scale == "paper":
        return spec.settings
    if scale == "long":
        return restore_published(spec)
    settings = (*QUICK_DATA[spec.config], *QUICK_TRAINING)
    if spec.system == "orbit_knn":
        settings = tuple((key, value) for key, value in settings if key.startswith(DATA_BLOCKS))
    return (*settings, *spec.settings)


def restore_published(spec: TrainingSpec) -> Settings:
    """Return the settings that undo what `small` changes, except for its networks; the size of z is as published."""
    published = resolve_settings(spec, "paper")
    narrow = flatten(_load_preset(spec, "long"))
    kept = {
        key: value
        for key, value in published.items()
        if narrow[key] != value and (key == "model.latent_dim" or not key.startswith("model."))
    }
    return tuple((kept | dict(spec.settings)).items())


def evaluation_settings(settings: Settings, scale: str) -> Settings:
    """Return the settings of evaluate.py; the measure's own `settings` come last."""
    return (*(QUICK_CLUSTERING if scale == "quick" else ()), *settings)


def resolve_config(spec: TrainingSpec, scale: str) -> ConfigDict:
    """Return the whole configuration of a training run, from the file that train.py reads."""
    config = _load_preset(spec, scale)
    with config.unlocked():
        config.update_from_flattened_dict(dict(training_settings(spec, scale)))
    return config


def _load_preset(spec: TrainingSpec, scale: str) -> ConfigDict:
    # From the folder of the repository, as train.py is called: irl_inr_jax.presets is only there once it is installed.
    return importlib.import_module(f"configs.{spec.config}").get_config(list_variants(spec, scale))


@functools.cache
def resolve_settings(spec: TrainingSpec, scale: str) -> dict[str, object]:
    """Return the configuration of a training run as dotted key → value; cached, since many cells share it."""
    return flatten(resolve_config(spec, scale))


def simplify_cell(cell: Cell, scale: str) -> Cell:
    """Return the cell without settings that equal the system's own, so that equal configurations share one run."""
    default = resolve_settings(dataclasses.replace(cell.training, settings=()), scale)

    def changed(settings: Settings) -> Settings:
        return tuple((key, value) for key, value in settings if default[key] != value)

    return dataclasses.replace(
        cell,
        training=dataclasses.replace(cell.training, settings=changed(cell.training.settings)),
        measure=dataclasses.replace(cell.measure, settings=changed(cell.measure.settings)),
    )


NAMED = {
    "data.num_train": "training images",
    "data.num_test": "test images",
    "data.class_images": "images per class",
    "train.num_epochs": "epochs",
    "model.latent_dim": "d",
    "train.learning_rate": "learning rate",
    "train.batch_size": "batch",
    "loss.num_pixels": "pixels per image in the loss",
    "loss.neighbour_scale": "factor on z in the neighbour term",
}
# Of these, keys that only some methods read.
READERS = {
    "loss.num_pixels": ("irl_inr", "thesis", "mlp_generator"),
    "loss.neighbour_scale": ("irl_inr", "mlp_generator", "autoencoder"),
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
RESNET_KEYS = ("model.encoder.stage_sizes", "model.encoder.width", "model.encoder.stem")
# Keys that a trunk does not read.
UNUSED_KEYS = {"resnet18": (), "mlp": RESNET_KEYS, "polar": (*RESNET_KEYS, "model.encoder.head_widths")}
GROUPED = {
    "train.": "another optimizer",
    "clustering.": "clusterers with fewer epochs and other learning rates",
}


def describe_differences(spec: TrainingSpec, scale: str) -> list[str]:
    """Return the deviations from the publication, a few words each: those of the system, then those of the scale."""
    ours, published = (resolve_settings(spec, one) for one in (scale, "paper"))
    used = DATA_BLOCKS if spec.system == "orbit_knn" else ("",)
    changed = [key for key in ours if ours[key] != published[key] and key.startswith(used)]
    lines = [SYSTEMS[spec.system].differs] if SYSTEMS[spec.system].differs else []
    for key, name in NAMED.items():
        if key in changed and is_read(key, ours):
            before, after = ("all" if value in (0, ()) else value for value in (published[key], ours[key]))
            lines.append(f"{name} {before} → {after}")
    networks = tuple(f"model.{block}." for block in NETWORKS[str(ours["method"])])
    unused = set(UNUSED_KEYS[str(ours["model.encoder.trunk"])])
    if ours["method"] == "autoencoder":
        unused -= {"model.encoder.head_widths"}  # those of the decoder, too
    sizes = [key for key in changed if key.startswith(networks) and key not in unused]
    if sizes:
        narrow, wide = (sum(_add_widths(settings[key]) for key in sizes) for settings in (ours, published))
        lines.append("smaller networks" if narrow < wide else "larger networks")
    for prefix, words in GROUPED.items():
        if any(key.startswith(prefix) and key not in NAMED for key in changed):
            lines.append(words)
    return lines


def is_read(key: str, settings: dict[str, object]) -> bool:
    """Return whether the method reads a key of `NAMED`; without neighbours, none reads the factor of their term."""
    if key == "loss.neighbour_scale" and not settings["loss.neighbours"]:
        return False
    return settings["method"] in READERS.get(key, (settings["method"],))


def _add_widths(value: object) -> int:
    """Return the sum of the widths in a value of a configuration; 0 for a text."""
    if isinstance(value, tuple | list):
        return sum(_add_widths(part) for part in value)
    return int(value) if isinstance(value, int) else 0
