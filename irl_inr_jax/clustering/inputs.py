"""What every clusterer asks of its input."""

import numpy as np
from jaxtyping import Float

from irl_inr_jax.types import InputError


def check_clusterable(latents: Float[np.ndarray, "n d"], num_clusters: int) -> None:
    """Raise InputError, in one line, unless `num_clusters` clusters can be made of these latents.

    Refused: fewer than one cluster, more clusters than images, NaN or infinity, and latents that are all alike.
    """
    num_images = len(latents)
    if num_clusters < 1:
        raise InputError(f"expected at least 1 cluster, found {num_clusters}; set num_clusters to the number wanted")
    if num_clusters > num_images:
        raise InputError(
            f"expected at most as many clusters as images ({num_images}), found {num_clusters}; "
            f"ask for fewer clusters or give more images"
        )
    num_bad = int(np.sum(~np.isfinite(latents).all(axis=1)))
    if num_bad:
        raise InputError(
            f"expected finite latents, found NaN or infinity in {num_bad} of {num_images} rows; "
            f"the training has diverged: take an earlier checkpoint or train with a lower learning rate"
        )
    if num_clusters > 1 and np.all(latents == latents[0]):
        raise InputError(
            f"expected latents that differ, found {num_images} equal rows; "
            f"the encoder has collapsed: train longer or with a smaller consistency weight"
        )
