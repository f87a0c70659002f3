"""WM811k: maps of silicon wafers in 9 patterns of failed dies, in any rotation (paper, section 4.1 and Table 3).

    irl-inr train --config wm811k:small --workdir runs/wm811k --config.data.root=DIR

DIR or DIR/wm811k has LSWMD.pkl of the Kaggle data set 'qingyi/wm811k-wafer-map'. The paper's choice of about
7,350 + 3,557 maps is sampled from it; `:full` uses all labelled maps. `:paper` has the paper's own choices (Table 5,
Appendix A) and scores 64.6 % with SCAN there. `:small`: ten minutes on two CPU cores (19 on one), 50 % by k-means and
56 % by diffusion (one seed); `:full,small` needs --config.data.num_train=7000 or so.
"""

from irl_inr_jax.config import base, narrow, variants


def get_config(names: str = ""):
    """The default recipe for round images that are rotated only."""
    config = base.get_config()
    # Of the dies of a scratch, area keeps 93 % visible in one piece and nearest 71 %. max keeps all of them, but failed
    # dies then take 30 % of the image for 10 % of the wafer, and the classes overlap.
    config.data.update(name="wm811k", resize=32, resampling="area")
    config.model.pose.translation = False
    config.orbits.update(distance="wafers", centre="image", mirror=True)
    apply_clustering(config)
    own = {"paper": apply_paper, "target_vae": variants.apply_deep_target_vae, "simclr": apply_simclr}
    more = {"full": apply_full, "small": apply_small, "cpu": apply_cpu, "wafer_features": apply_wafer_features}
    return variants.choose(config, names, **own, **more)


def apply_clustering(config) -> None:
    """Augmentations that keep a wafer's pattern: mirror images, but no shifts.

    SCAN is trained without rotations, to which the encoder is invariant but for the smoothing of single dies: with them
    it collapses.
    """
    config.clustering.scan.augment = "none"
    config.clustering.iic.augment = "s1+r"
    config.augment.flip = True


def apply_paper(config) -> None:
    """The paper's choices for WM811k, where they differ from those for MNIST(U)."""
    variants.apply_paper(config)
    config.model.inr.num_frequencies = 512
    config.train.num_epochs = 500
    apply_clustering(config)
    config.clustering.scan.update(num_epochs=100, selflabel_threshold=0.99, augment="r")


def apply_simclr(config) -> None:
    """SimCLR without shifts, which wafers do not have."""
    variants.apply_simclr(config)
    config.simclr.augment = "s1+r"
    config.clustering.scan.augment = "s1+s2+r"


def apply_full(config) -> None:
    """All labelled maps, most of them of class None, in the publisher's split: these first, and many small clusters."""
    config.data.name = "wm811k_full"
    config.clustering.consensus.without_pattern = True
    config.evaluation.update(num_clusters=20, clusterers=("consensus",))


def apply_small(config) -> None:
    """Narrow networks, and every map."""
    narrow.apply_small(config, num_train=0)
    config.train.num_epochs = 30
    config.clustering.scan.learning_rate = 1e-4


def apply_cpu(config) -> None:
    """Narrow networks with a polar encoder, every map, and neighbours by the features of wafers."""
    narrow.apply_cpu(config)
    config.train.num_epochs = 30
    config.clustering.scan.learning_rate = 1e-4
    config.clustering.consensus.wafers_weight = 2.0
    config.evaluation.clusterers = ("kmeans", "consensus", "orbit_knn")


def apply_wafer_features(config) -> None:
    """Training-free features of wafer maps, for the clusterer consensus."""
    config.method = "wafer_features"
    config.loss.neighbours = 0.0
    config.train.num_epochs = 0
    config.clustering.consensus.wafers_weight = 0.0
    config.evaluation.clusterers = ("kmeans", "consensus")
