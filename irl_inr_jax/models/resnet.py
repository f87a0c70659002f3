"""ResNet with basic blocks (He et al., 2016); stages of (2, 2, 2, 2) blocks are ResNet18."""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.models.conv import Conv, pool_maximum
from irl_inr_jax.types import AxisName

CONV_INIT = nn.initializers.variance_scaling(2, "fan_out", "normal")

# name -> (kernel size, stride, max-pool after it)
STEMS = {
    "3x3": (3, 1, False),  # used by the authors, for images of 28 to 64 pixels
    "3x3/2": (3, 2, False),  # a quarter of the work, for CPUs
    "7x7": (7, 2, True),  # the ImageNet form, for large images
}


class BasicBlock(nn.Module):
    """conv-norm-relu-conv-norm plus the input, projected by a 1x1 convolution where the shape changes."""

    features: int
    stride: int
    train: bool
    axis_name: AxisName
    dtype: jnp.dtype
    convolutions: str
    padding: str

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 f"]:
        conv = partial(Conv, algorithm=self.convolutions, padding=self.padding, dtype=self.dtype, kernel_init=CONV_INIT)
        norm = partial(
            nn.BatchNorm,
            use_running_average=not self.train,
            momentum=0.9,
            epsilon=1e-5,
            axis_name=self.axis_name,  # pyright: ignore[reportArgumentType]  # a tuple of axes works too
            dtype=self.dtype,
        )
        y = nn.relu(norm()(conv(self.features, 3, self.stride)(x)))
        y = norm()(conv(self.features, 3, 1)(y))
        if x.shape != y.shape:
            x = norm()(conv(self.features, 1, self.stride)(x))
        return nn.relu(x + y)


class ResNet(nn.Module):
    """Images to globally pooled features.

    stage_sizes: blocks per stage; every stage but the first halves the map and doubles the features. width: features
    of the first stage (64 in ResNet18). stem: a key of `STEMS`. axis_name: the mapped axis over which batch norm takes
    its statistics, so that they are those of the global batch; None outside a mapped function. convolutions: the
    `algorithm` of `Conv`. padding: of convolutions and pooling, see `list_pads`. remat: whether the backward pass
    recomputes the blocks instead of storing their activations.
    """

    stage_sizes: Sequence[int]
    width: int
    stem: str
    train: bool
    axis_name: AxisName
    dtype: jnp.dtype
    convolutions: str
    padding: str
    remat: bool

    @nn.compact
    def __call__(self, images: Float[Array, "b h w c"]) -> Float[Array, "b f"]:
        size, stride, pool = STEMS[self.stem]
        x = Conv(
            self.width,
            size,
            stride,
            algorithm=self.convolutions,
            padding=self.padding,
            dtype=self.dtype,
            kernel_init=CONV_INIT,
        )(images)
        norm = nn.BatchNorm(
            not self.train,
            momentum=0.9,
            epsilon=1e-5,
            axis_name=self.axis_name,  # pyright: ignore[reportArgumentType]  # a tuple of axes works too
            dtype=self.dtype,
        )
        x = nn.relu(norm(x))
        if pool:
            x = pool_maximum(x, algorithm=self.convolutions, padding=self.padding)
        block_class = nn.remat(BasicBlock) if self.remat else BasicBlock
        for stage, num_blocks in enumerate(self.stage_sizes):
            for block in range(num_blocks):
                x = block_class(
                    features=self.width * 2**stage,
                    stride=2 if stage > 0 and block == 0 else 1,
                    train=self.train,
                    axis_name=self.axis_name,
                    dtype=self.dtype,
                    convolutions=self.convolutions,
                    padding=self.padding,
                    name=f"BasicBlock_{sum(self.stage_sizes[:stage]) + block}",
                )(x)
        return x.mean((1, 2))
