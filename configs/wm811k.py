"""WM811k: maps of silicon wafers in 9 patterns of failed dies, turned any way (paper, section 4.1 and Table 3).

    python train.py --config configs/wm811k.py --workdir runs/wm811k --config.data.root=DIR

DIR or DIR/wm811k has LSWMD.pkl of the Kaggle data set 'qingyi/wm811k-wafer-map'. The paper's choice of about
7,350 + 3,557 maps is drawn from it; `:full` takes all that are labelled. `:paper` has the paper's own choices (Table 5,
Appendix A), with 64.6 % after SCAN; `:small` runs on two CPU cores in about ten minutes (19 on one), `:full,small` only
with --config.data.num_train=7000 or so.
"""

from irl_inr_jax.presets import mnist_u

from irl_inr_jax.config import base, variants


def get_config(names: str = ""):
    """Our recipe for round images that only turn."""
    config = base.get_config()
    # Of the dies of a scratch, area keeps 93 % visible in one piece and nearest 71 %. With max it is all of them, but
    # what fails anywhere then takes 30 % of the image for 10 % of the wafer, and the classes run into each other.
    config.data.update(name="wm811k", resize=32, resampling="area")
    config.model.pose.translation = False
    apply_clustering(config)
    own = {"paper": apply_paper, "target_vae": apply_target_vae, "simclr": apply_simclr}
    return variants.choose(config, names, **own, full=apply_full, small=apply_small)


def apply_clustering(config) -> None:
    """What leaves a wafer's pattern what it is: mirror images, but no shifts.

    SCAN goes without turns, which the encoder undoes but for the smoothing of single dies: with them it collapses.
    """
    config.clustering.scan.augment = "none"
    config.clustering.iic.augment = "s1+r"
    config.augment.flip = True


def apply_paper(config) -> None:
    """The paper's choices for WM811k, where they are not those for MNIST(U)."""
    variants.apply_paper(config)
    config.model.inr.num_frequencies = 512
    config.train.num_epochs = 500
    apply_clustering(config)
    config.clustering.scan.update(num_epochs=100, selflabel_threshold=0.99, augment="r")


def apply_target_vae(config) -> None:
    """TARGET-VAE with a generator of six layers, as the paper has it for complex images (section 4.1)."""
    variants.apply_target_vae(config)
    config.model.spatial.widths = (512,) * 6


def apply_simclr(config) -> None:
    """SimCLR without shifts, which wafers do not have."""
    variants.apply_simclr(config)
    config.simclr.augment = "s1+r"
    config.clustering.scan.augment = "s1+s2+r"


def apply_full(config) -> None:
    """All labelled maps, most of them None, in the publisher's split."""
    config.data.name = "wm811k_full"


def apply_small(config) -> None:
    """The networks of the small MNIST(U) run, and every map."""
    mnist_u.apply_small(config)
    config.data.num_train = 0
    config.train.num_epochs = 30
    config.clustering.scan.learning_rate = 1e-4
