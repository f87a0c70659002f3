"""Options that change the speed and memory of a step, not its results: `config.speed` with every `auto` resolved.

Results differ only by rounding; docs/performance.md has the measurements behind the choices.
"""

import os
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

CPU_STEPS = 10  # steps of one call: few enough for a narrow network to react to a signal within seconds
NARROW = 16  # largest number of features of a narrow ResNet's first stage


class Speed(NamedTuple):
    """Options of one step.

    convolutions: XLA's (direct), or the matrix products of `models/conv.py` (matmul). steps_per_call: steps of one
    compiled call. remat: activations that the backward pass recomputes instead of storing: none, the INR's, or all.
    """

    convolutions: str
    steps_per_call: int
    remat: str


def choose_speed(config: ConfigDict) -> Speed:
    """Resolve every `auto` and 0 of `config.speed` for the backend in use."""
    speed, encoder, on_cpu = config.speed, config.model.encoder, jax.default_backend() == "cpu"
    auto_convolutions = "matmul" if on_cpu else "direct"
    convolutions = auto_convolutions if speed.convolutions == "auto" else speed.convolutions
    # Each call allocates its memory from the system, which costs a CPU a quarter of a narrow network's step. But XLA's
    # convolutions are several times slower inside a loop there, and a step of a wide network takes a minute or more.
    slow = encoder.trunk == "resnet18" and (convolutions == "direct" or encoder.width > NARROW)
    most_steps = (1 if slow else CPU_STEPS) if on_cpu else config.train.log_every
    return Speed(
        convolutions=convolutions,
        steps_per_call=speed.steps_per_call or min(most_steps, config.train.log_every),
        remat=speed.remat,
    )


def describe_missing_backend() -> str:
    """Return an error if JAX cannot start the devices that the environment variable JAX_PLATFORMS names, or ''."""
    wanted = os.environ.get("JAX_PLATFORMS", "")
    if not wanted:
        return ""
    try:
        jax.devices()
    except Exception as error:
        reason = " ".join(str(error).split()) or "its plugin is not installed"
        return (
            f"expected JAX_PLATFORMS to name devices of this computer, found {wanted!r}, which JAX cannot start "
            f"({reason}); set it to cpu, or unset it"
        )
    return ""
