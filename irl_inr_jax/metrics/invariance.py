"""Invariance of latents to the pose of an image."""

import numpy as np
from jaxtyping import Float

# Distances below this share of the length of the latents are rounding errors.
_ROUNDING = 1e-12


def invariance(latents_of_rotations: Float[np.ndarray, "n k d"]) -> dict[str, float]:
    """Compare the spread of one image's latents over k poses with the spread between n images.

    within: root mean squared distance of an image's latents from their mean over its k rotations or translations.
    between: root mean squared distance of these n means from their mean.
    ratio: within / between. 0 is fully invariant; at 1 a rotation changes the latents as much as a different image.
        It does not depend on scale, translation and rotation of the latents, so methods can be compared. NaN if the
        means do not differ (equal images, or a single one).
    """
    latents = latents_of_rotations.astype(np.float64)
    means = latents.mean(axis=1, keepdims=True)
    within = _rms_length(latents - means)
    between = _rms_length(means - means.mean(axis=0, keepdims=True))
    undefined = between <= _ROUNDING * _rms_length(latents)
    return {"within": within, "between": between, "ratio": float("nan") if undefined else within / between}


def _rms_length(vectors: Float[np.ndarray, "*n d"]) -> float:
    return float(np.sqrt(np.mean(np.sum(vectors**2, axis=-1))))
