"""Points of the plane and the group that moves them.

The convention, said once and relied on everywhere: a coord is (x, y) with x to the right and y *up*; the image fills
[-1, 1]^2 and a pixel's coord is that of its centre, so that a grid of any resolution covers the same picture. Angles
are radians, counter-clockwise, about the image centre. A `Pose` (theta, tau) is the map

    S_{theta,tau}(x) = R(theta) x + tau                    (paper, section 3.2)

and an image with that pose is the canonical image moved by S: J(x) = J_can(S^-1 x). The paper prints the map that takes
the image back, J_can = S_{theta^,tau^}[J]; that is `invert_pose` of ours. Ours turns by +phi when the image does.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.types import Pose, PosedPixels


def pixel_grid(height: int, width: int) -> Float[Array, "n 2"]:
    """The coords of all pixel centres, row by row from the top left: {(x_p, y_p)} of section 3.1."""
    return jnp.stack(jnp.meshgrid(*pixel_axes(height, width)), axis=-1).reshape(height * width, 2)


def pixel_axes(height: int, width: int) -> tuple[Float[Array, "w"], Float[Array, "h"]]:
    """x of every column, from the left, and y of every row, from the top."""
    return (2 * jnp.arange(width) + 1) / width - 1, 1 - (2 * jnp.arange(height) + 1) / height


def rotate_coords(coords: Float[Array, "*#batch n 2"], theta: Float[Array, "*#batch"]) -> Float[Array, "... n 2"]:
    """R(theta) x for each point; the batches of points and of angles are broadcast.

    Written out, since a matmul may run in reduced precision on an accelerator.
    """
    cos, sin = jnp.cos(theta)[..., None], jnp.sin(theta)[..., None]
    x, y = coords[..., 0], coords[..., 1]
    return jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def transform_coords(coords: Float[Array, "... n 2"], pose: Pose) -> Float[Array, "... n 2"]:
    """S_{theta,tau}(x) = R(theta) x + tau for each point (section 3.2); batches of points and poses are broadcast."""
    return rotate_coords(coords, pose.theta) + pose.tau[..., None, :]


def compose_poses(outer: Pose, inner: Pose) -> Pose:
    """The pose of `outer` after `inner`: S_outer(S_inner(x))."""
    turned = rotate_coords(inner.tau[..., None, :], outer.theta)[..., 0, :]
    return Pose(theta=outer.theta + inner.theta, tau=turned + outer.tau)


def invert_pose(pose: Pose) -> Pose:
    """The pose whose map undoes this one: S^-1(x) = R(-theta)(x - tau)."""
    return Pose(theta=-pose.theta, tau=-rotate_coords(pose.tau[..., None, :], -pose.theta)[..., 0, :])


def locate_pixels(pixels: PosedPixels) -> Float[Array, "... n 2"]:
    """S_{theta,tau}^-1(x_p): where in the canonical image the pixels of images with that pose lie."""
    grid = pixel_grid(pixels.height, pixels.width)
    return transform_coords(grid if pixels.numbers is None else grid[pixels.numbers], invert_pose(pixels.pose))


def as_coords(places: Float[Array, "*batch n 2"] | PosedPixels, num_images: int) -> Float[Array, "b n 2"]:
    """Any form of the places to be drawn, of each image or (n, 2) the same for all, as coords of each image."""
    coords = locate_pixels(places) if isinstance(places, PosedPixels) else places
    return jnp.broadcast_to(coords, (num_images, *coords.shape[-2:]))
