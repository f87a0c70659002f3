"""Multilayer perceptron, used as encoder trunk, as head and inside the hypernetwork."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Initializer = Callable[..., jax.Array]


class MLP(nn.Module):
    """Dense layers with `activation` between them and none after the last.

    widths: output size of every layer. dtype: of the computation; parameters stay float32. last_kernel_init,
    last_bias_init: initialisers of the last layer. before_last: a function applied to the input of the last layer.
    """

    widths: Sequence[int]
    activation: Callable[[jax.Array], jax.Array]
    dtype: jnp.dtype
    kernel_init: Initializer = nn.initializers.he_normal()
    last_kernel_init: Initializer = nn.initializers.lecun_normal()
    last_bias_init: Initializer = nn.initializers.zeros_init()
    before_last: Callable[[jax.Array], jax.Array] | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b i"]) -> Float[Array, "b2 o"]:
        for width in self.widths[:-1]:
            x = self.activation(nn.Dense(width, dtype=self.dtype, kernel_init=self.kernel_init)(x))
        if self.before_last is not None:
            x = self.before_last(x)
        return nn.Dense(
            self.widths[-1], dtype=self.dtype, kernel_init=self.last_kernel_init, bias_init=self.last_bias_init
        )(x)
