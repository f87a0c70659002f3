"""How a step is computed, where that is a matter of speed and memory alone: `config.speed`, and what `auto` is.

The numbers are the same for every choice but for rounding; docs/performance.md has what the choices were made by.
"""

from typing import NamedTuple

import jax
from ml_collections import ConfigDict

CONVOLUTIONS = ("direct", "matmul")
REMAT = ("none", "inr", "all")
CPU_STEPS = 10  # in one call: few enough of a narrow network for a signal to be heard within seconds
NARROW = 16  # features of a ResNet's first stage up to which it is one


class Speed(NamedTuple):
    """convolutions: XLA's own (direct), or the products of `models/conv.py` (matmul). steps_per_call: steps of one
    compiled call. remat: what the backward pass computes again instead of keeping: none, the INR, or all of it.
    """

    convolutions: str
    steps_per_call: int
    remat: str


def choose_speed(config: ConfigDict) -> Speed:
    """`config.speed` with every `auto` and 0 decided for the backend in use."""
    speed, encoder, on_cpu = config.speed, config.model.encoder, jax.default_backend() == "cpu"
    auto_convolutions = "matmul" if on_cpu else "direct"
    convolutions = auto_convolutions if speed.convolutions == "auto" else speed.convolutions
    # A call takes its memory anew from the system, which costs a CPU a quarter of a narrow network's step; but XLA runs
    # its convolutions inside a loop several times slower there, and a wide network's steps take a minute and more.
    slow = encoder.trunk == "resnet18" and (convolutions == "direct" or encoder.width > NARROW)
    most_steps = (1 if slow else CPU_STEPS) if on_cpu else config.train.log_every
    return Speed(
        convolutions=convolutions,
        steps_per_call=speed.steps_per_call or min(most_steps, config.train.log_every),
        remat=speed.remat,
    )
