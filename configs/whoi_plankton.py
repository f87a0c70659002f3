"""WHOI-Plankton: ten balanced classes of 1,000 training and 200 test images, cropped to a circle, 32x32 pixels.

    irl-inr train --config whoi_plankton --workdir runs/whoi_plankton --config.data.root=DIR

DIR/whoi_plankton/ has the folders YEAR/CLASS/ of the published archives; or --config.data.path=FOLDER names any tree
whose innermost folders are classes. The paper does not name its ten classes; these are the largest taxa. Smaller sets:
--config.data.class_images='(500,100)'. `:small` is for two CPU cores; `:paper` has the paper's own choices (Table 5).
"""

from functools import partial

from irl_inr_jax.config import base, narrow, variants


def get_config(names: str = ""):
    """The default recipe at the paper's size; the images are centred and only rotated."""
    config = base.get_config()
    config.data.update(
        name="whoi_plankton",
        num_classes=10,
        class_images=(1000, 200),
        resize=32,
        same_scale=False,
        crop="circle",
        background="image",
    )
    config.model.pose.translation = False
    config.orbits.mirror = True  # an organism may be seen from either side
    own = {"paper": apply_paper, "target_vae": variants.apply_deep_target_vae}
    return variants.choose(config, names, **own, small=partial(narrow.apply_small, num_train=0))


def apply_paper(config) -> None:
    """The paper's own choices: Table 5 and Appendix B."""
    variants.apply_paper(config)
    config.train.update(num_epochs=2000, batch_size=512, weight_decay=1e-3)
