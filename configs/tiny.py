"""A run of seconds, to try things out: 256 digits, two passes over them, very small networks.

irl-inr train --config tiny --workdir runs/tiny
"""

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """digits(U), tiny."""
    config = base.get_config()
    config.data.update(name="digits_u", canvas=16, translation_px=0.5, num_train=256, num_test=64, test_fraction=0.2)
    config = variants.choose(config, names, small=lambda config: None)
    config.model.latent_dim = min(config.model.latent_dim, 8)
    config.model.encoder.update(trunk="mlp", head_widths=(32, 32))
    config.model.hypernet.widths = (32,)
    config.model.inr.update(widths=(16, 16), num_frequencies=16)
    config.model.spatial.update(widths=(16, 16), num_frequencies=min(config.model.spatial.num_frequencies, 16))
    config.model.group_conv.update(num_rotations=4, features=4, kernel_size=9, padding=4)
    config.simclr.projection_widths = (16, 8)
    config.model.pose.update(num_rotations=min(config.model.pose.num_rotations, 8), num_radii=4)
    config.loss.update(num_pixels=64, neighbours=0.0)
    config.train.update(batch_size=64, log_every=2, save_every_epochs=1, picture_every_epochs=1)
    config.train.num_epochs = min(config.train.num_epochs, 2)
    config.evaluation.update(batch_size=64, upsample_side=64, shift_px=0.5)
    config.evaluation.clusterers = ("kmeans", "agglomerative", "diffusion", "orbit_knn")
    return config
