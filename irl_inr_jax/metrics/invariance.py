"""How little the latents mind where an image stands."""

import numpy as np
from jaxtyping import Float

# Distances below this share of the latents' own size are rounding.
_NO_DISTANCE = 1e-12


def invariance(latents_of_rotations: Float[np.ndarray, "n k d"]) -> dict[str, float]:
    """How far one image's latents spread over its k poses, against how far apart the n images are.

    within: root mean squared distance of an image's latents from their mean over its k turns or shifts.
    between: root mean squared distance of these n means from their own mean.
    ratio: within / between. 0 is fully invariant; at 1 a turn moves the latents as far as another image would. It does
        not change when the latents are scaled, shifted or rotated, so that methods can be compared. NaN where
        the images cannot be told apart (all the same, or one image): then there is nothing to measure against.
    """
    latents = latents_of_rotations.astype(np.float64)
    means = latents.mean(axis=1, keepdims=True)
    within = _rms_length(latents - means)
    between = _rms_length(means - means.mean(axis=0, keepdims=True))
    alike = between <= _NO_DISTANCE * _rms_length(latents)
    return {"within": within, "between": between, "ratio": float("nan") if alike else within / between}


def _rms_length(vectors: Float[np.ndarray, "*n d"]) -> float:
    return float(np.sqrt(np.mean(np.sum(vectors**2, axis=-1))))
