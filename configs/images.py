"""Your own images: a folder, a pattern, a table with paths, or a file of many (npy, npz, HDF5, mrcs, FITS, TIFF).

    irl-inr inspect DIR
    irl-inr train --config images:small --workdir runs/mine --config.data.path=DIR

`inspect` reports what the images contain, and docs/data.md documents the keys of `data`. `:small` is for CPUs. Add
--config.evaluation.num_clusters=K if the number of clusters is known, and --config.model.pose.translation=False for
images that are rotated but not shifted.
"""

from functools import partial

from irl_inr_jax.config import narrow, variants
from irl_inr_jax.config.recipe import own_images_config


def get_config(names: str = ""):
    """The default recipe on the images of `config.data.path`; `:small` uses all of them."""
    return variants.choose(own_images_config(), names, small=partial(narrow.apply_small, num_train=0))
