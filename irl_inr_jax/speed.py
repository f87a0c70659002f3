"""How a step is computed, where that is a matter of speed and memory alone: `config.speed`, and what `auto` is.

The numbers are the same for every choice but for rounding; docs/performance.md has what the choices were made by.
"""

from typing import NamedTuple

import jax
from ml_collections import ConfigDict

FOURIER = ("separable", "direct")
CONVOLUTIONS = ("direct", "matmul")
REMAT = ("none", "inr", "all")


class Speed(NamedTuple):
    """fourier: features of pixels by columns and rows (separable) or each by itself (direct), see `models/fourier.py`.
    convolutions: XLA's own (direct), or the products of `models/conv.py` (matmul). steps_per_call: steps of one
    compiled call. remat: what the backward pass computes again instead of keeping: none, the INR, or all of it.
    """

    fourier: str
    convolutions: str
    steps_per_call: int
    remat: str


def choose_speed(config: ConfigDict) -> Speed:
    """`config.speed` with every `auto` and 0 decided for the backend in use."""
    speed, on_cpu = config.speed, jax.default_backend() == "cpu"
    # To gather the factors of random pixels takes as long as their sines.
    fourier = "direct" if config.loss.num_pixels else "separable"
    convolutions = "matmul" if on_cpu else "direct"
    return Speed(
        fourier=fourier if speed.fourier == "auto" else speed.fourier,
        convolutions=convolutions if speed.convolutions == "auto" else speed.convolutions,
        # XLA runs a convolution inside a loop several times slower on a CPU.
        steps_per_call=speed.steps_per_call or (1 if on_cpu else config.train.log_every),
        remat=speed.remat,
    )
