"""digits(U): scikit-learn's 1,797 handwritten digits, each turned by a random angle and shifted, on a 24x24 canvas.

    python train.py --config configs/digits_u.py --workdir runs/digits_u && python evaluate.py --workdir runs/digits_u

Nothing is downloaded.
"""

from configs import base


def get_config(variants: str = ""):
    """The demo's configuration: narrow networks that learn on two CPU cores in minutes."""
    config = base.get_config()
    config.data.update(name="digits_u", canvas=24, translation_px=1.2)
    apply_cpu_widths(config)
    config.train.num_epochs = 30
    config.evaluation.shift_px = 1.2
    return base.choose(config, variants, small=apply_small)


def apply_cpu_widths(config) -> None:
    """Networks for images of some 24 to 50 pixels on CPUs."""
    config.model.latent_dim = 8
    config.model.encoder.update(trunk="mlp", head_widths=(256, 256, 256))
    config.model.hypernet.widths = (128, 128)
    config.model.inr.update(widths=(48, 48, 48), activation="leaky_relu", num_frequencies=48)
    config.loss.num_pixels = 192


def apply_small(config) -> None:
    """A third of the epochs."""
    config.train.num_epochs = 10
