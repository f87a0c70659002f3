"""digits(U): scikit-learn's 1,797 handwritten digits, randomly rotated and shifted, on a 24x24 canvas: the demo.

    irl-inr train --config digits_u --workdir runs/digits_u && irl-inr evaluate --workdir runs/digits_u

Two and a half minutes on one CPU core; accuracy of k-means on z 93.7 +- 0.3 %, of orbit_selflabel 96.7 +- 0.1 % (five
seeds). Nothing is downloaded.
"""

from irl_inr_jax.config import base, narrow, variants


def get_config(names: str = ""):
    """The demo: narrow networks with neighbours that train in minutes on two CPU cores."""
    config = base.get_config()
    config.data.update(name="digits_u", canvas=24, translation_px=1.2)
    apply_small(config)
    config.train.num_epochs = 30
    config.evaluation.update(shift_px=1.2, clusterers=("kmeans", "agglomerative", "orbit_knn", "orbit_selflabel"))
    return variants.choose(config, names, small=apply_small)


def apply_small(config) -> None:
    """Networks for two CPU cores, and a third of the demo's epochs."""
    config.model.latent_dim = min(config.model.latent_dim, 64 if config.method == "simclr" else 8)
    if config.model.encoder.input == "canonical":
        narrow.apply_neighbours(config)
        config.model.encoder.head_widths = (256, 256, 256)
        config.model.encoder.polar.update(num_angles=32, num_radii=12)
    elif config.model.encoder.trunk == "resnet18":
        head_widths = config.model.encoder.head_widths and (128, 128)
        config.model.encoder.update(stage_sizes=(2, 2, 2), width=16, stem="3x3/2", head_widths=head_widths)
    config.model.hypernet.widths = (128, 128)
    config.model.inr.update(widths=(48, 48, 48), activation="leaky_relu", num_frequencies=48)
    narrow.apply_narrow_baselines(config)
    config.model.group_conv.update(kernel_size=15, padding=4)
    # In 840 steps z only grows to a root mean square of 5; a factor slows its separation (docs/results/z_and_pose.md).
    config.loss.update(num_pixels=192, neighbour_scale=1.0)
    config.train.num_epochs = 10
    narrow.apply_quick_clustering(config, num_epochs=40)
    config.augment.cutout_px = 6
