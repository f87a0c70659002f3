"""ResNet with basic blocks (He et al., 2016); (2, 2, 2, 2) blocks make ResNet18."""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

# name -> (kernel size, stride, max-pool after it)
STEMS = {
    "3x3": (3, 1, False),  # as the authors ran it, on images of 28 to 64 pixels
    "3x3/2": (3, 2, False),  # a quarter of the work, for CPUs
    "7x7": (7, 2, True),  # the ImageNet form, for large images
}


class BasicBlock(nn.Module):
    """conv-norm-relu-conv-norm plus the input, projected by a 1x1 convolution where the shape changes."""

    features: int
    stride: int
    train: bool
    axis_name: str | None
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 f"]:
        conv = partial(
            nn.Conv,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=nn.initializers.variance_scaling(2, "fan_out", "normal"),
        )
        norm = partial(
            nn.BatchNorm,
            use_running_average=not self.train,
            momentum=0.9,
            epsilon=1e-5,
            axis_name=self.axis_name,
            dtype=self.dtype,
        )
        y = nn.relu(norm()(conv(self.features, (3, 3), self.stride)(x)))
        y = norm()(conv(self.features, (3, 3))(y))
        if x.shape != y.shape:
            x = norm()(conv(self.features, (1, 1), self.stride)(x))
        return nn.relu(x + y)


class ResNet(nn.Module):
    """Images to globally pooled features.

    stage_sizes: blocks a stage; every stage but the first halves the map and doubles the features. width: features of
    the first stage (64 in ResNet18). stem: a key of `STEMS`. axis_name: the mapped axis over which batch norm takes
    its statistics, so that they are those of the global batch; None outside a mapped function.
    """

    stage_sizes: Sequence[int]
    width: int
    stem: str
    train: bool
    axis_name: str | None
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, images: Float[Array, "b h w c"]) -> Float[Array, "b f"]:
        size, stride, pool = STEMS[self.stem]
        x = nn.Conv(
            self.width,
            (size, size),
            stride,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=nn.initializers.variance_scaling(2, "fan_out", "normal"),
        )(images)
        x = nn.relu(
            nn.BatchNorm(not self.train, momentum=0.9, epsilon=1e-5, axis_name=self.axis_name, dtype=self.dtype)(x)
        )
        if pool:
            x = nn.max_pool(x, (3, 3), (2, 2), "SAME")
        for stage, num_blocks in enumerate(self.stage_sizes):
            for block in range(num_blocks):
                x = BasicBlock(
                    features=self.width * 2**stage,
                    stride=2 if stage > 0 and block == 0 else 1,
                    train=self.train,
                    axis_name=self.axis_name,
                    dtype=self.dtype,
                )(x)
        return x.mean((1, 2))
