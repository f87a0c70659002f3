"""I(x, y; eta): an image as a function of coords with external weights (paper, Appendix A).

The INR is a pure function of (eta, coords) without parameters of its own, so it is not a Flax module. `eta` is a tuple
of layers {'w': (in, out), 'b': (out,)}; `init_eta` samples the weights of a well-scaled network and `apply_inr`
evaluates one image; callers `vmap` it over the batch.
"""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.models.fourier import fourier_features
from irl_inr_jax.types import PyTree

ACTIVATIONS = ("relu", "leaky_relu", "sine")
SINE_FREQUENCY = 30.0  # omega_0 of SIREN (Sitzmann et al., 2020)


@dataclasses.dataclass(frozen=True)
class InrSpec:
    """Architecture of an INR.

    widths: hidden layers. channels: 1 grey, 3 RGB. activation: one of `ACTIVATIONS`; 'sine' is a SIREN on the coords
    themselves, the others take `num_frequencies` random Fourier features of standard deviation `frequency_std`.
    low: the least value of a pixel; values are in [low, 1].
    """

    widths: tuple[int, ...]
    channels: int
    activation: str
    num_frequencies: int
    frequency_std: float
    low: float

    @property
    def layer_sizes(self) -> tuple[tuple[int, int], ...]:
        """Return (in, out) of every layer."""
        first = 2 if self.activation == "sine" else 2 * self.num_frequencies
        sizes = (first, *self.widths, self.channels)
        return tuple(itertools.pairwise(sizes))

    @property
    def num_weights(self) -> int:
        """Count all weights and biases, k of the paper."""
        return sum(size_in * size_out + size_out for size_in, size_out in self.layer_sizes)


def weight_deviations(spec: InrSpec) -> tuple[float, ...]:
    """Compute the standard deviation of each layer's initial weights: He initialisation, or SIREN's.

    He's is corrected for the mean square 1/2 of Fourier features. That of the last layer is divided by 10, so that the
    first image is close to the mean pixel.
    """
    deviations = []
    last = len(spec.layer_sizes) - 1
    for index, (size_in, _) in enumerate(spec.layer_sizes):
        if spec.activation == "sine":
            # A uniform distribution on [-bound, bound] has the deviation bound / sqrt(3).
            deviation = 1 / size_in / math.sqrt(3) if index == 0 else math.sqrt(2 / size_in) / SINE_FREQUENCY
        else:
            deviation = math.sqrt((4 if index == 0 else 1 if index == last else 2) / size_in)
        deviations.append(0.1 * deviation if index == last else deviation)
    return tuple(deviations)


def init_eta(key: jax.Array, spec: InrSpec, mean_pixel: Float[Array, "c"]) -> PyTree:
    """Sample initial weights: normal with `weight_deviations`, and the bias that outputs the mean pixel."""
    layers = []
    for (size_in, size_out), deviation in zip(spec.layer_sizes, weight_deviations(spec), strict=True):
        key, layer_key = jax.random.split(key)
        layers.append({"w": deviation * jax.random.normal(layer_key, (size_in, size_out)), "b": jnp.zeros(size_out)})
    layers[-1]["b"] = pixel_logit(mean_pixel, spec.low)
    return tuple(layers)


def as_probability(pixels: Float[Array, "*s"], low: float) -> Float[Array, "*s"]:
    """Map pixels from [low, 1] to [0, 1]."""
    return (pixels - low) / (1 - low)


def pixel_logit(pixel: Float[Array, "*s"], low: float) -> Float[Array, "*s"]:
    """Compute the logit for which low + (1 - low) sigmoid(logit) is the pixel; finite at both ends."""
    return jax.scipy.special.logit(jnp.clip(as_probability(pixel, low), 0.01, 0.99))


def apply_inr(
    eta: PyTree, coords: Float[Array, "n 2"], frequencies: Float[Array, "f 2"], *, spec: InrSpec, dtype: jnp.dtype
) -> Float[Array, "n c"]:
    """Evaluate the image with weights `eta` at coords; values in [low, 1]."""
    if spec.activation == "sine":
        x = coords

        def activate(x):
            return jnp.sin(SINE_FREQUENCY * x.astype(jnp.float32)).astype(dtype)
    else:
        x = fourier_features(coords, frequencies).astype(dtype)
        slope = 0.1 if spec.activation == "leaky_relu" else 0.0

        def activate(x):
            return jnp.where(x > 0, x, slope * x)

    *hidden, last = eta
    for layer in hidden:
        x = activate(x @ layer["w"].astype(x.dtype) + layer["b"].astype(x.dtype))
    logits = x @ last["w"].astype(x.dtype) + last["b"].astype(x.dtype)
    return spec.low + (1 - spec.low) * jax.nn.sigmoid(logits.astype(jnp.float32))
