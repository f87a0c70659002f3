"""Input of the encoder: the image, its canonical form, or its polar image."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.geometry.coords import invert_pose
from irl_inr_jax.geometry.polar import sample_polar
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.methods.pose import PoseForm

EncoderInput = Callable[[Float[Array, "b h w c"]], Float[Array, "b h2 w2 c"]]


def make_encoder_input(config: ConfigDict, form: PoseForm) -> EncoderInput:
    """Return the function from images to the encoder's input, as `config.model.encoder` requests it.

    Canonical images and polar images are in the frame of the closed-form pose, so that the latents are invariant to the
    pose from the first step and the head predicts the residual rotation. A polar image has circles as rows and angles
    as columns.
    """
    fill, polar = config.views.fill, config.model.encoder.polar

    def keep(images: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return images

    def to_canonical(images: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        frame, _ = form.closed_form(images)
        return transform_images(images, invert_pose(frame), interpolation="bilinear", fill=fill)

    def to_polar(images: Float[Array, "b h w c"]) -> Float[Array, "b r t c"]:
        frame, _ = form.closed_form(images)
        grid = {"num_radii": polar.num_radii, "num_rotations": polar.num_angles, "radius": polar.radius}
        # Without the barrier, XLA samples anew for every tap of the first convolution.
        return jax.lax.optimization_barrier(sample_polar(images, frame, **grid, fill=fill))

    if config.model.encoder.trunk == "polar":
        return to_polar
    return to_canonical if form.canonical_input else keep
