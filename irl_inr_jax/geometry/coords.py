"""Coordinates of the plane and the group of rotations and translations.

The convention of the whole package: a coord is (x, y) with x to the right and y *up*. The image fills [-1, 1]^2 and the
coord of a pixel is that of its centre, so that grids of any resolution cover the same image. Angles are in radians,
counter-clockwise, about the image centre. A `Pose` (theta, tau) is the map

    S_{theta,tau}(x) = R(theta) x + tau                    (paper, section 3.2)

and an image with that pose is the canonical image transformed by S: J(x) = J_can(S^-1 x). Rotating an image by phi adds
phi to its theta. The paper prints the inverse map, J_can = S_{theta^,tau^}[J], which is our `invert_pose`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.types import Pose


def pixel_grid(height: int, width: int) -> Float[Array, "n 2"]:
    """Return the coords of all pixel centres, row by row from the top left: {(x_p, y_p)} of section 3.1."""
    x = (2 * jnp.arange(width) + 1) / width - 1
    y = 1 - (2 * jnp.arange(height) + 1) / height
    return jnp.stack(jnp.meshgrid(x, y), axis=-1).reshape(height * width, 2)


def rotate_coords(coords: Float[Array, "*#batch n 2"], theta: Float[Array, "*#batch"]) -> Float[Array, "... n 2"]:
    """Compute R(theta) x for each point; the batches of points and of angles are broadcast.

    The product is written out because a matmul may run in reduced precision on an accelerator.
    """
    cos, sin = jnp.cos(theta)[..., None], jnp.sin(theta)[..., None]
    x, y = coords[..., 0], coords[..., 1]
    return jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def transform_coords(coords: Float[Array, "... n 2"], pose: Pose) -> Float[Array, "... n 2"]:
    """Compute S_{theta,tau}(x) = R(theta) x + tau for each point (section 3.2); batches are broadcast."""
    return rotate_coords(coords, pose.theta) + pose.tau[..., None, :]


def compose_poses(outer: Pose, inner: Pose) -> Pose:
    """Return the pose of `outer` after `inner`: S_outer(S_inner(x))."""
    rotated = rotate_coords(inner.tau[..., None, :], outer.theta)[..., 0, :]
    return Pose(theta=outer.theta + inner.theta, tau=rotated + outer.tau)


def invert_pose(pose: Pose) -> Pose:
    """Return the pose of the inverse map: S^-1(x) = R(-theta)(x - tau)."""
    return Pose(theta=-pose.theta, tau=-rotate_coords(pose.tau[..., None, :], -pose.theta)[..., 0, :])
