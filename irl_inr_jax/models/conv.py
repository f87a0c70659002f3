"""Convolutions as matrix products, for CPUs, where XLA's convolutions are slow, mainly in the backward pass and on
small maps.

3x3 convolutions of stride 1 use Winograd's F(2x2, 3x3) (Lavin, Gray: Fast Algorithms for Convolutional Neural
Networks, 2016): a tile of 2x2 outputs takes 16 products per pair of channels instead of 36. The others gather the
receptive field of each output (im2col) and are one matrix product. Gradients are those of these expressions and equally
cheap.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from irl_inr_jax.models.mlp import Initializer

# Y = A^T [(G g G^T) * (B^T d B)] A for a tile d of 4x4 inputs and a kernel g of 3x3.
INPUT_TRANSFORM = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
KERNEL_TRANSFORM = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
OUTPUT_TRANSFORM = ((1, 1, 1, 0), (0, 1, -1, -1))


class Conv(nn.Module):
    """Equivalent of `flax.linen.Conv` without bias, with the same parameter.

    algorithm: 'direct' for XLA's convolution, 'matmul' for the matrix products of this module. padding: of `list_pads`.
    """

    features: int
    kernel_size: int
    stride: int
    algorithm: str
    padding: str
    dtype: jnp.dtype
    kernel_init: Initializer

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 f"]:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape).astype(self.dtype)
        x = x.astype(self.dtype)
        if self.algorithm == "matmul":
            return convolve(x, kernel, stride=self.stride, padding=self.padding)
        pads = list_pads(x.shape[1:3], size=self.kernel_size, stride=self.stride, padding=self.padding)
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, kernel, (self.stride, self.stride), pads, dimension_numbers=layout)


def list_pads(sides: Sequence[int], *, size: int, stride: int, padding: str) -> list[tuple[int, int]]:
    """Return the zeros before and after each side for windows of odd `size`; the output has ceil(side / stride).

    'symmetric' is k // 2 at both ends, as in the ResNets of the publications; 'same' is XLA's 'SAME', which puts one
    zero less before an even side if the stride is 2: all windows are then one pixel further on.
    """
    if padding == "symmetric":
        return [(size // 2, size // 2)] * len(sides)
    return list(lax.padtype_to_pads(sides, (size,) * len(sides), (stride,) * len(sides), "SAME"))


def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k c f"], *, stride: int, padding: str
) -> Float[Array, "b h2 w2 f"]:
    """Compute the convolution by the algorithm with fewer products. padding: see `list_pads`."""
    if kernel.shape[0] == 3 and stride == 1 and min(x.shape[1:3]) > 1:
        return convolve_winograd(x, kernel)
    return convolve_im2col(x, kernel, stride=stride, padding=padding)


def pool_maximum(x: Float[Array, "b h w c"], *, algorithm: str, padding: str) -> Float[Array, "b h2 w2 c"]:
    """Compute the maximum of 3x3 windows, two pixels apart; algorithm and padding: of `Conv`.

    The gradient of XLA's own takes seven times as long on a CPU as that of maxima of shifted images ('matmul'). They
    differ in windows with equal maxima only, which share the gradient; after a ReLU it is 0 for the common ones, zeros.
    """
    pads = list_pads(x.shape[1:3], size=3, stride=2, padding=padding)
    if algorithm == "direct":
        return nn.max_pool(x, (3, 3), (2, 2), pads)  # pyright: ignore[reportArgumentType]  # it takes pads too
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-jnp.inf)
    for axis in (1, 2):
        last = padded.shape[axis] - 3
        shifted = [lax.slice_in_dim(padded, i, last // 2 * 2 + i + 1, stride=2, axis=axis) for i in range(3)]
        padded = jnp.maximum(jnp.maximum(shifted[0], shifted[1]), shifted[2])
    return padded


@jax.custom_vjp
def product(rows: Float[Array, "*b c"], weights: Float[Array, "c f"]) -> Float[Array, "*b f"]:
    """Compute rows @ weights, with a gradient whose operands are written to memory before they are multiplied.

    XLA would otherwise recompute them element by element, against their memory order, while it transposes them for the
    gradient of the weights, in several times the time of the product.
    """
    return rows @ weights


def _product_forward(rows, weights):
    return rows @ weights, (rows, weights)


def _product_backward(kept, gradient):
    rows, weights = kept
    rows, gradient = lax.optimization_barrier((rows, gradient))
    flat_rows, flat_gradient = (array.reshape(-1, array.shape[-1]) for array in (rows, gradient))
    return gradient @ weights.T, flat_rows.T @ flat_gradient


product.defvjp(_product_forward, _product_backward)


def convolve_im2col(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k c f"], *, stride: int, padding: str
) -> Float[Array, "b h2 w2 f"]:
    """Compute the convolution as one product of all receptive fields with the kernel, without taps on padding only."""
    size, (height, width) = kernel.shape[0], x.shape[1:3]
    pads = list_pads((height, width), size=size, stride=stride, padding=padding)
    out_height, out_width = -(-height // stride), -(-width // stride)
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    rows, columns = (
        [tap for tap in range(size) if any(0 <= tap + stride * place - pad < side for place in range(places))]
        for side, places, (pad, _) in ((height, out_height, pads[0]), (width, out_width, pads[1]))
    )
    fields = [
        padded[:, i : i + stride * (out_height - 1) + 1 : stride, j : j + stride * (out_width - 1) + 1 : stride]
        for i in rows
        for j in columns
    ]
    used = kernel[np.ix_(rows, columns)].reshape(-1, kernel.shape[-1])
    return product(jnp.concatenate(fields, axis=-1), used)


def convolve_winograd(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c f"]) -> Float[Array, "b h w f"]:
    """Compute the convolution of stride 1 by tiles of 2x2 outputs."""
    height, width = x.shape[1:3]
    tiles_down, tiles_across = -(-height // 2), -(-width // 2)
    padded = jnp.pad(x, ((0, 0), (1, 2 * tiles_down + 1 - height), (1, 2 * tiles_across + 1 - width), (0, 0)))
    inputs = [[padded[:, i : i + 2 * tiles_down : 2, j : j + 2 * tiles_across : 2] for j in range(4)] for i in range(4)]
    kernels = [[kernel[i, j] for j in range(3)] for i in range(3)]
    inputs, kernels = transform(INPUT_TRANSFORM, inputs), transform(KERNEL_TRANSFORM, kernels)
    # Sixteen separate products: XLA's batched product takes longer, and stacking its operands takes a further copy.
    products = [
        [product(tile, weights) for tile, weights in zip(*pair, strict=True)]
        for pair in zip(inputs, kernels, strict=True)
    ]
    outputs = transform(OUTPUT_TRANSFORM, products)
    rows = jnp.stack([jnp.stack(row, axis=3) for row in outputs], axis=2)
    joined = rows.reshape(len(x), 2 * tiles_down, 2 * tiles_across, kernel.shape[-1])
    return joined[:, :height, :width]


def transform(matrix: Sequence[Sequence[int | float]], tiles: list[list[jax.Array]]) -> list[list[jax.Array]]:
    """Compute M T M^T for a matrix T whose entries are arrays."""

    def combine(row, arrays):
        terms = [array if factor == 1 else factor * array for factor, array in zip(row, arrays, strict=True) if factor]
        return sum(terms[1:], terms[0])

    halfway = [[combine(row, column) for column in zip(*tiles, strict=True)] for row in matrix]
    return [[combine(row, line) for row in matrix] for line in halfway]
