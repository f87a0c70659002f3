"""TARGET-VAE's encoder: every filter at P rotations and at every position, then one small network shared by all.

It is equivariant: rotating the image by 2 pi / P shifts the outputs by one rotation and rotates the positions;
translating the image by `stride` pixels shifts the outputs by one position.
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from irl_inr_jax.geometry.coords import pixel_grid, rotate_coords
from irl_inr_jax.geometry.warps import sample_image
from irl_inr_jax.types import InputError


class GroupConvEncoder(nn.Module):
    """Group convolution from images to `num_outputs` values at each of t positions, row by row, and r rotations.

    num_rotations: P; rotation r applies the filters rotated by 2 pi r / P. features: number of filters. kernel_size:
    their side in pixels. padding: pixels of background, 0, around the image. stride: pixels between positions. Each
    filter has one bias for all its rotations. disc: whether filters are cut to their inscribed disc.
    """

    num_rotations: int
    features: int
    kernel_size: int
    padding: int
    stride: int
    num_outputs: int
    disc: bool
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, images: Float[Array, "b h w c"]) -> Float[Array, "b t r o"]:
        shape = (self.kernel_size, self.kernel_size, images.shape[-1], self.features)
        filters = self.param("filters", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        taps = disc_taps(self.kernel_size) if self.disc else np.arange(self.kernel_size**2)
        bank = rotate_filters(filters, self.num_rotations, taps).astype(self.dtype)
        patches = cut_patches(images, taps, size=self.kernel_size, padding=self.padding, stride=self.stride)
        x = nn.leaky_relu(jnp.einsum("btnc,ncrf->btrf", patches.astype(self.dtype), bank) + bias.astype(self.dtype))
        x = nn.leaky_relu(nn.Dense(self.features, dtype=self.dtype, kernel_init=nn.initializers.he_normal())(x))
        return nn.Dense(self.num_outputs, dtype=self.dtype, name="heads")(x).astype(jnp.float32)


def make_group_conv(config: ConfigDict, *, num_outputs: int) -> GroupConvEncoder:
    """Return the encoder of `config.model.group_conv`."""
    group_conv = config.model.group_conv
    return GroupConvEncoder(
        num_rotations=group_conv.num_rotations,
        features=group_conv.features,
        kernel_size=group_conv.kernel_size,
        padding=group_conv.padding,
        stride=group_conv.stride,
        num_outputs=num_outputs,
        disc=group_conv.disc,
        dtype=jnp.dtype(config.model.dtype),
    )


def rotation_offsets(num_rotations: int) -> Float[Array, "r"]:
    """Return 2 pi r / P: output r for an image rotated by this angle is output 0 for the image itself."""
    return jnp.asarray(2 * np.pi * np.arange(num_rotations) / num_rotations, jnp.float32)


def position_coords(height: int, width: int, *, size: int, padding: int, stride: int) -> Float[Array, "t 2"]:
    """Return the coords of the filter's centre at each position, row by row from the top left.

    They are symmetric about the image centre if side + 2 * padding - size is a multiple of the stride; otherwise
    rotations also shift the positions by a fraction of a stride.
    """
    num_rows, num_columns = num_positions(height, width, size=size, padding=padding, stride=stride)
    x = (2 * stride * np.arange(num_columns) + size - 2 * padding) / width - 1
    y = 1 - (2 * stride * np.arange(num_rows) + size - 2 * padding) / height
    return jnp.asarray(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), jnp.float32)


def num_positions(height: int, width: int, *, size: int, padding: int, stride: int) -> tuple[int, int]:
    """Return the rows and columns of positions. Raises InputError if the filter is larger than the padded image."""
    least = min(height, width) + 2 * padding
    if size > least:
        raise InputError(
            f"expected config.model.group_conv.kernel_size of at most {least}, the side of the image with its padding, "
            f"found {size}; set a smaller one or a larger config.model.group_conv.padding"
        )
    return (height + 2 * padding - size) // stride + 1, (width + 2 * padding - size) // stride + 1


def disc_taps(size: int) -> Int[np.ndarray, "n"]:
    """Return the pixel numbers of a `size` x `size` filter that are inside its inscribed disc.

    A rotated square loses its corners and an unrotated one does not, so that the rotations of a square filter respond
    with unequal strength. The disc has 79 % of the taps of the square.
    """
    doubled = 2 * np.arange(size) + 1 - size
    return np.flatnonzero(np.add.outer(doubled**2, doubled**2) <= size**2)


def rotate_filters(
    filters: Float[Array, "k k c f"], num_rotations: int, taps: Int[np.ndarray, "n"]
) -> Float[Array, "n c r f"]:
    """Rotate all filters by all of `rotation_offsets`, at n pixel numbers `taps`, by bilinear interpolation.

    Values outside the filter are 0. Those outside the taps contribute only to the interpolation at their edge.
    """
    size, _, num_channels, num_filters = filters.shape
    coords = rotate_coords(pixel_grid(size, size)[taps], -rotation_offsets(num_rotations))
    flat = filters.reshape(size, size, num_channels * num_filters)
    rotated = sample_image(flat, coords.reshape(-1, 2), interpolation="bilinear", fill=0.0)
    return rotated.reshape(num_rotations, -1, num_channels, num_filters).transpose(1, 2, 0, 3)


def cut_patches(
    images: Float[Array, "b h w c"], taps: Int[np.ndarray, "n"], *, size: int, padding: int, stride: int
) -> Float[Array, "b t n c"]:
    """Gather the pixels under the n taps of a filter of side `size` for each image and position.

    The product of these patches with the filters is the convolution. On CPUs it takes half as long as XLA's
    convolution, whose gradient is slow for large filters. The patches are no larger than the output if the bank has
    more filters, counting rotations, than a filter has taps.
    """
    height, width, num_channels = images.shape[1:]
    num_rows, num_columns = num_positions(height, width, size=size, padding=padding, stride=stride)
    tap_rows, tap_columns = np.divmod(taps, size)
    rows = stride * np.arange(num_rows)[:, None, None] + tap_rows
    columns = stride * np.arange(num_columns)[:, None] + tap_columns
    index = (rows * (width + 2 * padding) + columns).reshape(num_rows * num_columns, -1)
    padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    return padded.reshape(len(images), -1, num_channels)[:, index]
