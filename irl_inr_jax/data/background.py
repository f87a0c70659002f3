"""The stored value of background: configured, known to the source, or estimated from the images' borders."""

import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from irl_inr_jax.data.fitting import as_type, border_medians
from irl_inr_jax.data.source import Source, split_by_bytes
from irl_inr_jax.data.subsets import sample_row_indices
from irl_inr_jax.types import InputError


def parse_background(data: ConfigDict) -> float | None:
    """Return the number in config.data.background, None for 'auto' and 'image'. Raises InputError for other words."""
    if data.background in ("auto", "image"):
        return None
    try:
        return float(data.background)
    except ValueError:
        raise InputError(
            f"config.data.background: expected auto, image or a number, found {data.background!r}"
        ) from None


def find_background(data: ConfigDict, source: Source) -> Float[np.ndarray, "c"]:
    """Return the stored value of background in each channel.

    It is the configured number, else the value that the source knows, else the median over the borders of a sample of
    the images.
    """
    configured = parse_background(data)
    known = source.background if configured is None else configured
    if known is not None:
        return np.full(source.channels, float(known))
    rows = sample_row_indices(len(source.ids), data.seed)
    parts = split_by_bytes(source, rows)
    borders = [border_medians(np.asarray(image)[None])[0] for part in parts for image in source.read(part)]
    median = np.nan_to_num(np.median(borders, axis=0))
    return as_type(median, source.dtype).astype(np.float64)
