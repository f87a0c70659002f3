"""Your own images from a folder; the names of its subfolders are labels where all images lie in some.

    python train.py --config configs/folder.py:small --workdir runs/mine --config.data.path=DIR

Variants and advice as in configs/npz.py.
"""

from configs import npz


def get_config(variants: str = ""):
    """configs/npz.py on a folder."""
    config = npz.get_config(variants)
    config.data.name = "folder"
    return config
