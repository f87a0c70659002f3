"""Variants for CPUs: narrow networks, fewer images and epochs, and clusterers that take less time."""

from ml_collections import ConfigDict

from irl_inr_jax.config.model_keys import HEAD_WIDTHS


def apply_narrow_baselines(config: ConfigDict) -> None:
    """Narrow networks of the baselines, and our optimizer, as theirs need many more steps."""
    config.model.spatial.update(
        widths=tuple(min(width, 128) for width in config.model.spatial.widths),
        num_frequencies=min(config.model.spatial.num_frequencies, 64),
    )
    config.model.group_conv.update(features=16, padding=7, stride=3)
    if config.method in ("spatial_vae", "target_vae", "simclr"):
        config.train.update(
            batch_size=128, optimizer="adamw", learning_rate=1e-3, b2=0.99, schedule="cosine", warmup_steps=100
        )


def apply_small(config: ConfigDict, *, num_train: int = 20_000) -> None:
    """Narrow networks for two CPU cores, and `num_train` training images (0 is all); no neighbours."""
    config.model.latent_dim = min(config.model.latent_dim, 128 if config.method == "simclr" else 10)
    if config.model.encoder.input == "canonical":
        config.model.encoder.update(trunk="mlp", head_widths=(512, 512, 256))
    elif config.model.encoder.trunk == "resnet18":
        head_widths = config.model.encoder.head_widths and (128, 128)
        config.model.encoder.update(width=16, stem="3x3/2", head_widths=head_widths)
    config.model.hypernet.widths = (128, 128)
    config.model.inr.update(widths=(64, 64, 64), num_frequencies=64)
    apply_narrow_baselines(config)
    config.loss.update(num_pixels=256, neighbours=0.0)
    config.data.num_train = num_train
    config.train.update(num_epochs=20, batch_size=max(config.train.batch_size, 128))
    apply_quick_clustering(config, num_epochs=15)


def apply_neighbours(config: ConfigDict) -> None:
    """The default polar encoder and neighbour term, which `apply_small` omits."""
    config.model.encoder.trunk = "polar"
    if config.method == "autoencoder":  # whose decoder has the widths of the head
        config.model.encoder.head_widths = HEAD_WIDTHS
    config.loss.neighbours = 0.1
    config.train.batch_size = 64


def apply_cpu(config: ConfigDict) -> None:
    """The default recipe within an hour or so on two CPU cores: a fifth of its epochs."""
    apply_small(config, num_train=0)
    if config.model.encoder.input == "canonical":
        apply_neighbours(config)
    config.evaluation.clusterers = ("kmeans", "agglomerative", "orbit_knn", "orbit_selflabel")


def apply_quick_clustering(config: ConfigDict, *, num_epochs: int) -> None:
    """Train clusterers for `num_epochs` at ten times the authors' learning rates: for few images and CPUs."""
    config.clustering.scan.update(num_epochs=num_epochs, learning_rate=1e-3, selflabel_epochs=20)
    config.clustering.iic.update(num_epochs=num_epochs, learning_rate=1e-3)
    config.clustering.dec.num_epochs = 2 * num_epochs
