"""Pose of an image, in four forms with one interface.

closed_form: tau is the centre of mass and theta is arg c21, functions of the image alone, so that the pose is exactly
    equivariant from the first step. The phase of c21 is equivariant but differs between images of one class, so with
    `num_rotations` > 1 one of that many fixed rotations is added: the one with which the INR reconstructs the image
    best. The choice is made in the frame of arg c21 and keeps the pose equivariant. The encoder's head is trained to
    predict the same pose.
moment: tau and theta are predicted by the encoder's head, which the symmetry loss fits to those moments.
centre: the form of the paper. One 2-vector of the head, fitted to the centre of mass, is tau, and its direction theta.
    On translated images that direction is the direction of the translation (section 3.4 as in the authors' code).
none: no pose, for baselines without one.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.geometry.coords import compose_poses, invert_pose
from irl_inr_jax.geometry.moments import Salience, angle_of, centre_of_mass, moment_pose, wrap_angle
from irl_inr_jax.geometry.polar import best_rotation, polar_grid, sample_polar
from irl_inr_jax.methods import losses
from irl_inr_jax.types import Pose


class HeadPose(NamedTuple):
    """Pose predicted by the encoder: theta is the angle of `direction` (b, 2), which need not have length 1."""

    direction: Float[Array, "b 2"]
    tau: Float[Array, "b 2"]


@dataclasses.dataclass(frozen=True)
class PoseForm:
    """One of the four forms with its settings.

    translation: False for images that are only rotated; tau is then 0. canonical_input: the encoder gets images
    transformed back by their closed-form pose, and its head predicts the residual rotation. num_rotations, num_radii,
    salience: of the closed form.
    """

    name: str
    translation: bool
    canonical_input: bool
    num_rotations: int
    num_radii: int
    fill: float
    salience: Salience

    @property
    def predicts_tau(self) -> bool:
        """True if the head predicts tau."""
        return self.translation and not self.canonical_input and self.name != "none"

    @property
    def num_outputs(self) -> int:
        """Number of pose outputs of the encoder: one 2-vector, direction and tau, or none."""
        if self.name == "none":
            return 0
        return 4 if self.predicts_tau and self.name != "centre" else 2

    @property
    def uses_generator(self) -> bool:
        """True if `find_pose` renders each image."""
        return self.name == "closed_form" and self.num_rotations > 1

    def read_head(self, outputs: Float[Array, "b p"]) -> HeadPose:
        """Convert the pose outputs to direction and tau.

        For 'centre' the canonical centre of mass is on the +y axis, m^ = |m^| (-sin theta, cos theta).
        """
        no_tau = jnp.zeros((outputs.shape[0], 2))
        if self.name == "none":
            return HeadPose(no_tau, no_tau)
        if self.name == "centre":
            return HeadPose(rotate_clockwise(outputs), outputs if self.predicts_tau else no_tau)
        return HeadPose(outputs[:, :2], outputs[:, 2:] if self.predicts_tau else no_tau)

    def closed_form(self, images: Float[Array, "b h w c"]) -> tuple[Pose, Float[Array, "b"]]:
        """Compute the pose from the image's moments, without an added rotation, and the strength of its angle."""
        return moment_pose(images, translation=self.translation, salience=self.salience)

    def image_pose(self, images: Float[Array, "b h w c"]) -> Pose:
        """Compute the pose from the image alone: for 'centre' from the centre of mass, to which its head is fitted."""
        if self.name != "centre":
            return self.closed_form(images)[0]
        centre = centre_of_mass(images)
        return Pose(
            theta=angle_of(rotate_clockwise(centre)), tau=centre if self.translation else jnp.zeros_like(centre)
        )

    def find_pose(
        self, images: Float[Array, "b h w c"], head: HeadPose, render: Callable[..., Float[Array, "b n c"]]
    ) -> Pose:
        """Estimate (theta^, tau^) of each image. render(coords=...) evaluates each image's INR, for the closed form."""
        if self.name != "closed_form":
            return Pose(theta=angle_of(head.direction), tau=head.tau)
        pose, _ = self.closed_form(images)
        if not self.uses_generator:
            return pose
        sizes = {"num_radii": self.num_radii, "num_rotations": self.num_rotations, "radius": 1.0}
        sampled = sample_polar(images, pose, **sizes, fill=self.fill)
        rendered = render(coords=polar_grid(**sizes)[None]).reshape(sampled.shape)
        rotation = 2 * jnp.pi * best_rotation(sampled, rendered).astype(jnp.float32) / self.num_rotations
        return Pose(theta=wrap_angle(pose.theta + rotation), tau=pose.tau)

    def symmetry_loss(
        self, images: Float[Array, "b h w c"], head: HeadPose, pose: Pose
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Compute the loss of the head against its target (section 3.4) and its mean angle error in radians.

        The target is the centre of mass for 'centre', that and arg c21 for 'moment', and the estimated pose for
        'closed_form', which the head learns to predict. Both are 0 for 'none'.
        """
        if self.name == "none":
            return jnp.zeros(()), jnp.zeros(())
        if self.name == "centre":
            predicted = jnp.stack([-head.direction[:, 1], head.direction[:, 0]], axis=-1)
            loss = losses.centre_symmetry_loss(predicted, centre_of_mass(images))
            return loss, losses.angle_error(head.direction, self.image_pose(images).theta)
        moments, strength = self.closed_form(images)
        target = moments if self.name == "moment" else jax.lax.stop_gradient(pose)
        if self.canonical_input:
            target = compose_poses(invert_pose(moments), target)
        loss = losses.orientation_symmetry_loss(head.direction, target.theta, strength)
        if self.predicts_tau:
            loss += losses.centre_symmetry_loss(head.tau, target.tau)
        return loss, losses.angle_error(head.direction, target.theta)


def rotate_clockwise(vectors: Float[Array, "b 2"]) -> Float[Array, "b 2"]:
    """Rotate vectors by 90° clockwise: their angle from +x is then what it was from +y."""
    return jnp.stack([vectors[:, 1], -vectors[:, 0]], axis=-1)


def make_pose_form(config: ConfigDict) -> PoseForm:
    """Return the form of `config.model.pose`."""
    pose = config.model.pose
    return PoseForm(
        name=pose.form,
        translation=pose.translation,
        canonical_input=config.model.encoder.input == "canonical",
        num_rotations=pose.num_rotations,
        num_radii=pose.num_radii,
        fill=config.views.fill,
        salience=Salience(pose.blur_px, pose.reach),
    )
