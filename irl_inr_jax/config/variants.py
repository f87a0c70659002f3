"""The systems that any data set's configuration can be asked for, and the choice among them.

After a colon, joined by commas: `:small` (a run of the same kind for a CPU), `:paper` (the paper's own choices), and
one of the systems that the papers compare with: `:thesis`, `:spatial_vae`, `:target_vae`, `:simclr`, `:mlp_generator`
and `:autoencoder` (IRL-INR with another generator; the thesis' baseline is `:thesis,autoencoder`),
`:pixel_autoencoder` (what DEC starts from on bare pixels), `:orbit_knn` (learns nothing); as in
`configs/mnist_u.py:target_vae,small`.
"""

import math
from collections.abc import Callable

from ml_collections import ConfigDict


def apply_paper(config: ConfigDict) -> None:
    """The paper's own choices as its authors ran them: Table 5, Appendix A and section 4.1."""
    config.model.latent_dim = 512
    config.model.encoder.update(
        input="raw", trunk="resnet18", stage_sizes=(2, 2, 2, 2), width=64, stem="3x3", head_widths=(512, 512)
    )
    config.model.hypernet.widths = (256, 256, 256)
    config.model.inr.update(widths=(256, 256, 256), activation="relu", num_frequencies=256, frequency_std=2.0)
    config.model.pose.form = "centre"
    config.loss.update(recon=1.0, cross=0.0, consistency=1.0, consistency_ramp=(0.0, 0.0), symmetry=15.0, num_pixels=0)
    config.views.update(interpolation="nearest", translation_px=config.data.translation_px)
    config.train.update(
        num_epochs=200,
        batch_size=128,
        optimizer="adam",
        learning_rate=1e-4,
        weight_decay=5e-4,
        b1=0.5,
        b2=0.999,
        schedule="constant",
        warmup_steps=0,
        clip_norm=0.0,
    )
    config.clustering.scan.update(augment="s1+s2+r+t", head_start="random")
    config.augment.crop_area = (0.2, 1.0)


def apply_quick_clustering(config: ConfigDict, *, num_epochs: int) -> None:
    """Clusterers that train, in `num_epochs` at ten times the authors' learning rates: for few images and CPUs."""
    config.clustering.scan.update(num_epochs=num_epochs, learning_rate=1e-3, selflabel_epochs=20)
    config.clustering.iic.update(num_epochs=num_epochs, learning_rate=1e-3)
    config.clustering.dec.num_epochs = 2 * num_epochs


def apply_thesis(config: ConfigDict) -> None:
    """The thesis' method and hyper-parameters (its section 4)."""
    apply_paper(config)
    config.method = "thesis"
    config.model.latent_dim = 32
    config.model.encoder.update(trunk="mlp", head_widths=(128, 128, 128, 128))
    config.model.hypernet.widths = (128, 128, 256)
    config.model.inr.update(widths=(128, 128), num_frequencies=128)
    config.loss.update(consistency_distance="mse", num_copies=3, views="copies")
    config.train.weight_decay = 1e-5
    config.clustering.dec.alpha = 1e-4


def apply_spatial_vae(config: ConfigDict) -> None:
    """Spatial-VAE (Bepler et al., 2019) as its authors ran it on turned and shifted MNIST."""
    config.method = "spatial_vae"
    config.model.latent_dim = 2
    config.model.encoder.update(input="raw", trunk="mlp", head_widths=(500, 500))
    config.model.spatial.update(widths=(500, 500), activation="tanh", num_frequencies=0)
    _apply_vae_training(config, learning_rate=1e-4, num_epochs=100)


def apply_target_vae(config: ConfigDict) -> None:
    """TARGET-VAE (Nasiri, Bepler, 2022) with P16 and d = 32, as the paper compares with it."""
    config.method = "target_vae"
    config.model.latent_dim = 32
    config.model.encoder.input = "raw"
    # The authors divide the coords by 0.2 radians; as many features as their 1,024 cosines of random phase.
    config.model.spatial.update(
        widths=(512, 512), activation="leaky_relu", num_frequencies=512, frequency_std=1 / (2 * math.pi * 0.2)
    )
    _apply_vae_training(config, learning_rate=2e-4, num_epochs=500)


def _apply_vae_training(config: ConfigDict, *, learning_rate: float, num_epochs: int) -> None:
    config.train.update(
        num_epochs=num_epochs,
        batch_size=100,
        optimizer="adam",
        learning_rate=learning_rate,
        weight_decay=0.0,
        b1=0.9,
        b2=0.999,
        schedule="constant",
        warmup_steps=0,
        clip_norm=0.0,
    )


def apply_simclr(config: ConfigDict) -> None:
    """SimCLR (Chen et al., 2020) as the pretext of SCAN, with turns and shifts (Appendix C, Table 6)."""
    config.method = "simclr"
    config.model.latent_dim = 512
    config.model.encoder.update(input="raw", trunk="resnet18", head_widths=())
    config.train.update(num_epochs=500, batch_size=512, weight_decay=1e-4)
    config.clustering.scan.update(augment="s1+s2+r+t", distance="cosine")


def apply_mlp_generator(config: ConfigDict) -> None:
    """IRL-INR with one MLP of coords and z in the place of hypernetwork and INR (section 4.5)."""
    config.method = "mlp_generator"


def apply_autoencoder(config: ConfigDict) -> None:
    """IRL-INR, or with `:thesis` the thesis' method, with a decoder of pixels whose output is turned (section 4.5)."""
    config.method = "autoencoder"


def apply_pixel_autoencoder(config: ConfigDict) -> None:
    """The autoencoder of pixels that DEC (Xie et al., 2016) starts from: d-500-500-2000-10, blind to no pose."""
    config.method = "autoencoder"
    config.model.latent_dim = 10
    config.model.encoder.update(input="raw", trunk="mlp", head_widths=(500, 500, 2000))
    config.model.pose.form = "none"
    config.loss.update(recon=1.0, cross=0.0, consistency=0.0, symmetry=0.0, views="pair")
    config.clustering.dec.alpha = 1.0


def apply_narrow_baselines(config: ConfigDict) -> None:
    """The networks that only IRL-INR's rivals have, for CPUs; and our optimiser, as theirs want many more steps."""
    config.model.spatial.update(
        widths=tuple(min(width, 128) for width in config.model.spatial.widths),
        num_frequencies=min(config.model.spatial.num_frequencies, 64),
    )
    config.model.group_conv.update(features=16, padding=7, stride=3)
    if config.method in ("spatial_vae", "target_vae", "simclr"):
        config.train.update(
            batch_size=128, optimizer="adamw", learning_rate=1e-3, b2=0.99, schedule="cosine", warmup_steps=100
        )


def apply_orbit_knn(config: ConfigDict) -> None:
    """The baseline without training; `train.py` then only sets up the run."""
    config.method = "orbit_knn"
    config.train.num_epochs = 0


VARIANTS: dict[str, Callable[[ConfigDict], None]] = {
    "paper": apply_paper,
    "thesis": apply_thesis,
    "spatial_vae": apply_spatial_vae,
    "target_vae": apply_target_vae,
    "simclr": apply_simclr,
    "mlp_generator": apply_mlp_generator,
    "autoencoder": apply_autoencoder,
    "pixel_autoencoder": apply_pixel_autoencoder,
}


def choose(config: ConfigDict, variants: str, **presets: Callable[[ConfigDict], None]) -> ConfigDict:
    """`config` after the comma-separated `variants`, in the order of `VARIANTS`, the file's own `presets`, orbit_knn.

    A preset called as one of `VARIANTS` takes its place.

    Raises ValueError for a variant that is in neither, naming those that are.
    """
    known = VARIANTS | presets | {"orbit_knn": apply_orbit_knn}
    chosen = [name for name in variants.split(",") if name]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"expected variants among {sorted(known)} after the colon, found {unknown[0]!r}")
    for name in sorted(chosen, key=list(known).index):
        known[name](config)
    return config
