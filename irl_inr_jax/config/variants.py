"""Variants of a configuration, chosen after a colon and joined by commas, as in mnist_u:target_vae,small.

`:cpu` has a fifth of the default's epochs, for CPUs; `:small` fewer images and no neighbours, for a first try.
`:paper` has the paper's own choices, and the others choose a method that the papers compare with: `:thesis`,
`:spatial_vae`, `:target_vae`, `:simclr`, `:mlp_generator` and `:autoencoder` (IRL-INR with another generator; the
thesis' baseline is `:thesis,autoencoder`), `:pixel_autoencoder` (the initial encoder of DEC on pixels) and `:orbit_knn`
(training-free). `:irl_inr` is the default method.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from irl_inr_jax.config.narrow import apply_cpu, apply_small


def apply_paper(config: ConfigDict) -> None:
    """The paper's own choices: Table 5, Appendix A and section 4.1."""
    config.model.update(latent_dim=512, initial_weights="uniform")
    config.model.encoder.update(
        input="raw",
        trunk="resnet18",
        stage_sizes=(2, 2, 2, 2),
        width=64,
        stem="3x3",
        padding="symmetric",
        num_calls=2,
        head_widths=(512, 512),
    )
    config.model.hypernet.widths = (256, 256, 256)
    config.model.inr.update(widths=(256, 256, 256), activation="relu", num_frequencies=256, frequency_std=2.0)
    config.model.pose.form = "centre"
    config.loss.update(
        recon=1.0,
        cross=0.0,
        consistency=1.0,
        consistency_ramp=(0.0, 0.0),
        neighbours=0.0,
        symmetry=15.0,
        symmetry_views=1,
        num_pixels=0,
    )
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
    config.clustering.scan.augment = "s1+s2+r+t"
    apply_published_scan(config)
    config.clustering.iic.neighbours = "none"
    config.augment.crop_area = (0.2, 1.0)


def apply_published_scan(config: ConfigDict) -> None:
    """SCAN as its authors ran it, with the neighbours of the pretext task."""
    config.clustering.scan.update(
        neighbours="latents",
        distance="cosine",
        include_anchor=True,
        standardise=False,
        batch_norm="train",
        head_start="uniform",
    )


def apply_irl_inr(config: ConfigDict) -> None:
    """IRL-INR, the default method."""
    config.method = "irl_inr"


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
    """Spatial-VAE (Bepler et al., 2019) as its authors trained it on rotated and shifted MNIST."""
    config.method = "spatial_vae"
    config.model.update(latent_dim=2, initial_weights="uniform")
    config.model.encoder.update(input="raw", trunk="mlp", head_widths=(500, 500))
    config.loss.neighbours = 0.0
    config.model.spatial.update(widths=(500, 500), activation="tanh", num_frequencies=0)
    _apply_vae_training(config, learning_rate=1e-4, num_epochs=100)


def apply_target_vae(config: ConfigDict) -> None:
    """TARGET-VAE (Nasiri, Bepler, 2022) with P16 and d = 32, as in the paper's comparison."""
    config.method = "target_vae"
    config.model.update(latent_dim=32, initial_weights="uniform")
    config.model.encoder.update(input="raw", trunk="resnet18")
    config.loss.neighbours = 0.0
    # As many features as the authors' 1,024 cosines of random phase.
    config.model.spatial.update(widths=(512, 512), activation="leaky_relu", num_frequencies=512, frequency_std=0.0)
    config.model.group_conv.disc = False
    config.vae.angle_mean = "number"
    _apply_vae_training(config, learning_rate=2e-4, num_epochs=500)


def apply_deep_target_vae(config: ConfigDict) -> None:
    """TARGET-VAE with a generator of six layers, as the paper has it for complex images (section 4.1)."""
    apply_target_vae(config)
    config.model.spatial.widths = (512,) * 6


def _apply_vae_training(config: ConfigDict, *, learning_rate: float, num_epochs: int) -> None:
    apply_published_scan(config)
    config.loss.num_pixels = 0
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
    """SimCLR (Chen et al., 2020) as the pretext of SCAN on its latents, with rotations and shifts (Table 6)."""
    config.method = "simclr"
    config.model.update(latent_dim=512, initial_weights="uniform")
    config.model.encoder.update(input="raw", trunk="resnet18", padding="symmetric", head_widths=())
    config.loss.neighbours = 0.0
    config.train.update(num_epochs=500, batch_size=512, weight_decay=1e-4)
    config.clustering.scan.augment = "s1+s2+r+t"
    apply_published_scan(config)


def apply_mlp_generator(config: ConfigDict) -> None:
    """IRL-INR with one MLP of coords and z instead of hypernetwork and INR (section 4.5)."""
    config.method = "mlp_generator"


def apply_autoencoder(config: ConfigDict) -> None:
    """IRL-INR, or with `:thesis` the thesis' method, with a decoder of pixels whose output is rotated (section 4.5)."""
    config.method = "autoencoder"


def apply_pixel_autoencoder(config: ConfigDict) -> None:
    """The initial autoencoder of pixels of DEC (Xie et al., 2016): d-500-500-2000-10, invariant to no pose."""
    config.method = "autoencoder"
    config.model.latent_dim = 10
    config.model.encoder.update(input="raw", trunk="mlp", head_widths=(500, 500, 2000))
    config.model.pose.form = "none"
    config.loss.update(recon=1.0, cross=0.0, consistency=0.0, neighbours=0.0, symmetry=0.0, views="pair", num_pixels=0)
    config.train.update(num_epochs=200, batch_size=128)
    config.clustering.dec.alpha = 1.0


def apply_orbit_knn(config: ConfigDict) -> None:
    """The training-free baseline; `irl-inr train` then only writes the run's files."""
    config.method = "orbit_knn"
    config.loss.neighbours = 0.0
    config.train.num_epochs = 0


VARIANTS: dict[str, Callable[[ConfigDict], None]] = {
    "paper": apply_paper,
    "irl_inr": apply_irl_inr,
    "thesis": apply_thesis,
    "spatial_vae": apply_spatial_vae,
    "target_vae": apply_target_vae,
    "simclr": apply_simclr,
    "mlp_generator": apply_mlp_generator,
    "autoencoder": apply_autoencoder,
    "pixel_autoencoder": apply_pixel_autoencoder,
    "small": apply_small,
    "cpu": apply_cpu,
}


def choose(config: ConfigDict, variants: str, **presets: Callable[[ConfigDict], None]) -> ConfigDict:
    """Apply the comma-separated `variants` in the order of `VARIANTS`, the preset's own `presets`, orbit_knn.

    A function of `presets` with the name of one in `VARIANTS` replaces it. Raises ValueError for an unknown variant.
    """
    known = VARIANTS | presets | {"orbit_knn": apply_orbit_knn}
    chosen = [name for name in variants.split(",") if name]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"expected variants among {sorted(known)} after the colon, found {unknown[0]!r}")
    for name in sorted(chosen, key=list(known).index):
        known[name](config)
    return config
