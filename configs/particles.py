"""Particle images of electron microscopy, such as 5HDB: 16,000 training and 4,000 test images of 40x40 pixels.

    irl-inr train --config particles --workdir runs/5hdb --config.data.root=DIR

DIR/5hdb/ has one stack (.mrcs, .mrc or .npy) with 'train' in its name, and perhaps one with 'test'; or set
--config.data.path=FILE. `:small` is for two CPU cores; `:paper` has the paper's own choices (Table 5) for 5HDB.
"""

from functools import partial

from irl_inr_jax.config import base, narrow, variants


def get_config(names: str = ""):
    """The default recipe; particles are not quite centred, and angles about the centre of mass vary less with noise."""
    config = base.get_config()
    config.data.update(name="particles", crop="circle", scaling="percentiles")
    config.model.pose.update(blur_px=3.0, reach=0.75)
    config.train.num_epochs = 100
    return variants.choose(config, names, paper=apply_paper, small=partial(narrow.apply_small, num_train=0))


def apply_paper(config) -> None:
    """The paper's own choices for 5HDB: Table 5, and images that are rotated only."""
    variants.apply_paper(config)
    config.model.pose.translation = False
    config.train.num_epochs = 100
