"""Convolutions as matrix products against the definition in float64, and against XLA's gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.models.conv import (
    INPUT_TRANSFORM,
    KERNEL_TRANSFORM,
    OUTPUT_TRANSFORM,
    Conv,
    convolve,
    convolve_im2col,
    convolve_winograd,
    pool_maximum,
)

SHAPES = [  # height, width, channels, features, kernel size, stride
    (8, 8, 3, 5, 3, 1),
    (7, 10, 4, 2, 3, 1),
    (9, 9, 3, 4, 3, 2),
    (10, 7, 3, 4, 3, 2),
    (11, 12, 1, 3, 7, 2),
    (5, 6, 3, 2, 1, 2),
    (4, 4, 2, 3, 1, 1),
    (3, 2, 2, 3, 3, 1),
    (2, 2, 4, 3, 3, 2),
    (1, 1, 4, 3, 3, 1),
    (1, 1, 4, 3, 7, 2),
]


def random_arrays(height, width, channels, features, size, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, height, width, channels)), rng.normal(size=(size, size, channels, features))


def by_definition(x, kernel, stride, padding):
    """The convolution with zeros: k // 2 at all ends, or as few as 'SAME' needs with the odd one at the end."""
    size, (height, width) = len(kernel), x.shape[1:3]
    out = [(side + 2 * (size // 2) - size) // stride + 1 for side in (height, width)]  # torch.nn.Conv2d's output size
    total = [max((n - 1) * stride + size - side, 0) for n, side in zip(out, (height, width), strict=True)]
    pads = [(size // 2, size // 2)] * 2 if padding == "symmetric" else [(t // 2, t - t // 2) for t in total]
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    result = np.zeros((len(x), *out, kernel.shape[-1]))
    for row in range(out[0]):
        for column in range(out[1]):
            field = padded[:, row * stride : row * stride + size, column * stride : column * stride + size]
            result[:, row, column] = np.einsum("bijc,ijcf->bf", field, kernel)
    return result


@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_products_are_the_convolution(padding):
    strides = [shape[-1] for shape in SHAPES]
    arrays = [random_arrays(*sizes) for *sizes, _ in SHAPES]

    @jax.jit
    def convolve_all(arrays):
        return [
            convolve(x, kernel, stride=stride, padding=padding)
            for (x, kernel), stride in zip(arrays, strides, strict=True)
        ]

    results = convolve_all(jax.tree.map(jnp.float32, arrays))
    for shape, (x, kernel), found in zip(SHAPES, arrays, results, strict=True):
        np.testing.assert_allclose(found, by_definition(x, kernel, shape[-1], padding), atol=2e-4, err_msg=str(shape))


def test_both_forms_agree_where_both_apply():
    x, kernel = (jnp.asarray(array, jnp.float32) for array in random_arrays(6, 9, 3, 4, 3))
    both = jax.jit(
        lambda x, kernel: (convolve_winograd(x, kernel), convolve_im2col(x, kernel, stride=1, padding="same"))
    )
    winograd, im2col = both(x, kernel)
    np.testing.assert_allclose(winograd, im2col, atol=1e-4)


def test_winograds_identity_holds_for_every_input_and_kernel():
    """F(2, 3): A^T[(Gg) * (B^T d)] as a tensor is that of the correlation, exactly."""
    bt, g, at = (np.array(matrix) for matrix in (INPUT_TRANSFORM, KERNEL_TRANSFORM, OUTPUT_TRANSFORM))
    found = np.einsum("op,pk,pi->oki", at, g, bt)
    expected = np.zeros((2, 3, 4))
    for output in range(2):
        for tap in range(3):
            expected[output, tap, output + tap] = 1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("shape", [(7, 8, 3, 4, 3, 1), (9, 8, 3, 4, 3, 2), (6, 6, 3, 4, 1, 2)], ids=str)
def test_module_and_gradients_are_those_of_xlas_convolution(shape, padding):
    *sizes, stride = shape
    x, kernel = (jnp.asarray(array, jnp.float32) for array in random_arrays(*sizes))
    settings = {"features": sizes[3], "kernel_size": sizes[4], "stride": stride, "dtype": jnp.dtype("float32")}
    settings["padding"] = padding
    results = []
    for algorithm in ("direct", "matmul"):
        conv = Conv(**settings, algorithm=algorithm, kernel_init=jax.nn.initializers.ones)
        variables = jax.eval_shape(conv.init, jax.random.key(0), x)
        assert jax.tree.map(lambda leaf: leaf.shape, variables) == {"params": {"kernel": kernel.shape}}

        @partial(jax.grad, argnums=(0, 1), has_aux=True)
        def gradients_and_output(kernel, x, conv=conv):
            out = conv.apply({"params": {"kernel": kernel}}, x)
            return jnp.sin(out).sum(), out

        results.append(jax.tree.leaves(jax.jit(gradients_and_output)(kernel, x)))
    for direct, matmul in zip(*results, strict=True):
        np.testing.assert_allclose(direct, matmul, atol=5e-4)


@pytest.mark.parametrize("padding", [pytest.param("same", marks=pytest.mark.slow), "symmetric"])
def test_both_poolings_and_their_gradients_are_the_maxima_of_windows(padding):
    rng = np.random.default_rng(0)
    for height, width in ((8, 8), (7, 10), (2, 1)):
        x = np.maximum(rng.normal(size=(2, height, width, 3)), 0).astype(np.float32)
        values, gradients = [], []
        for algorithm in ("direct", "matmul"):

            def pool(x, algorithm=algorithm):
                return pool_maximum(jax.nn.relu(x), algorithm=algorithm, padding=padding)

            values.append(pool(x))
            gradients.append(jax.grad(lambda x, pool=pool: (pool(x) ** 2).sum())(x))
        pads = [(1, 1) if padding == "symmetric" or side % 2 else (0, 1) for side in (height, width)]
        padded = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-np.inf)
        rows, columns = (range(0, padded.shape[axis] - 2, 2) for axis in (1, 2))
        expected = [[padded[:, i : i + 3, j : j + 3].max((1, 2)) for j in columns] for i in rows]
        np.testing.assert_array_equal(values[0], np.moveaxis(np.array(expected), 2, 0))
        np.testing.assert_array_equal(values[1], values[0])
        np.testing.assert_array_equal(gradients[1], gradients[0])
