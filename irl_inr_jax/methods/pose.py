"""Where an image stands, in four forms that share one interface.

closed_form: tau is the centre of mass and theta is arg c21, functions of the image alone, so that the pose is exactly
    equivariant and right from the first step. The phase of c21 is steady under turns but differs between images of one
    kind; so with `num_rotations` > 1 it may be followed by one of that many fixed turns, the one under which the INR draws
    the image best. The choice depends on the image seen from its own arg c21 and leaves the pose equivariant. The
    encoder's head learns to say the same by itself.
moment: tau and theta are read off the encoder's head, which the symmetry loss draws towards those moments.
centre: the paper's. One 2-vector of the head, drawn towards the centre of mass, is tau, and its direction theta. With
    translations in play that direction is the direction of the shift (section 3.4 read as the authors ran it).
none: every image stands where it is, for baselines that know no pose.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.geometry.coords import compose_poses, invert_pose
from irl_inr_jax.geometry.moments import Salience, angle_of, centre_of_mass, moment_pose
from irl_inr_jax.geometry.polar import best_rotation, polar_grid, sample_polar
from irl_inr_jax.methods import losses
from irl_inr_jax.types import Pose

FORMS = ("closed_form", "moment", "centre", "none")


class HeadPose(NamedTuple):
    """The encoder's own word on the pose: theta is the angle of `direction` (b, 2), which need not have length 1."""

    direction: Float[Array, "b 2"]
    tau: Float[Array, "b 2"]


@dataclasses.dataclass(frozen=True)
class PoseForm:
    """One of the four forms and its settings.

    translation: False where images only turn, so that tau is 0. canonical_input: the encoder sees images set upright
    by the closed form, and its head then speaks of the turn that is left. num_rotations, num_radii, salience: of the closed
    form.
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
        """Whether the head speaks of tau."""
        return self.translation and not self.canonical_input and self.name != "none"

    @property
    def num_outputs(self) -> int:
        """How many outputs of the encoder speak of the pose: one 2-vector, or direction and tau; or none."""
        if self.name == "none":
            return 0
        return 4 if self.predicts_tau and self.name != "centre" else 2

    @property
    def uses_generator(self) -> bool:
        """Whether `find_pose` has each image drawn."""
        return self.name == "closed_form" and self.num_rotations > 1

    def read_head(self, outputs: Float[Array, "b p"]) -> HeadPose:
        """The pose outputs as direction and tau.

        For 'centre' the canonical centre of mass lies on the +y axis, m^ = |m^| (-sin theta, cos theta).
        """
        no_tau = jnp.zeros((outputs.shape[0], 2))
        if self.name == "none":
            return HeadPose(no_tau, no_tau)
        if self.name == "centre":
            direction = jnp.stack([outputs[:, 1], -outputs[:, 0]], axis=-1)
            return HeadPose(direction, outputs if self.predicts_tau else no_tau)
        return HeadPose(outputs[:, :2], outputs[:, 2:] if self.predicts_tau else no_tau)

    def closed_form(self, images: Float[Array, "b h w c"]) -> tuple[Pose, Float[Array, "b"]]:
        """The pose by the image's moments, before any choice among turns of it, and how well its angle is defined."""
        return moment_pose(images, translation=self.translation, salience=self.salience)

    def find_pose(
        self, images: Float[Array, "b h w c"], head: HeadPose, draw: Callable[..., Float[Array, "b n c"]]
    ) -> Pose:
        """(theta^, tau^) of each image. draw(places) is each image's INR, which the closed form may ask."""
        if self.name != "closed_form":
            return Pose(theta=angle_of(head.direction), tau=head.tau)
        pose, _ = self.closed_form(images)
        if not self.uses_generator:
            return pose
        seen = sample_polar(images, pose, num_radii=self.num_radii, num_rotations=self.num_rotations, fill=self.fill)
        grid = polar_grid(self.num_radii, self.num_rotations)
        drawn = draw(places=grid).reshape(seen.shape)
        turn = 2 * jnp.pi * best_rotation(seen, drawn).astype(jnp.float32) / self.num_rotations
        return Pose(theta=pose.theta + turn, tau=pose.tau)

    def symmetry_loss(
        self, images: Float[Array, "b h w c"], head: HeadPose, pose: Pose
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """What draws the head to its target (section 3.4), and the head's mean angle error in radians for the log.

        The target is the centre of mass for 'centre', that and arg c21 for 'moment', and the pose found for
        'closed_form', whose head is thereby distilled; of 'none' there is nothing to learn.
        """
        if self.name == "none":
            return jnp.zeros(()), jnp.zeros(())
        if self.name == "centre":
            centre = centre_of_mass(images)
            predicted = jnp.stack([-head.direction[:, 1], head.direction[:, 0]], axis=-1)
            theta = angle_of(jnp.stack([centre[:, 1], -centre[:, 0]], axis=-1))
            return losses.centre_symmetry_loss(predicted, centre), losses.angle_error(head.direction, theta)
        moments, strength = self.closed_form(images)
        target = moments if self.name == "moment" else jax.lax.stop_gradient(pose)
        if self.canonical_input:
            target = compose_poses(invert_pose(moments), target)
        loss = losses.orientation_symmetry_loss(head.direction, target.theta, strength)
        if self.predicts_tau:
            loss += losses.centre_symmetry_loss(head.tau, target.tau)
        return loss, losses.angle_error(head.direction, target.theta)


def make_pose_form(config: ConfigDict) -> PoseForm:
    """The form of `config.model.pose`."""
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
