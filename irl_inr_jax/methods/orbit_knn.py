"""Training-free baseline: the spectrum of the polar image about its centre.

It is invariant to rotation and, about the centre of mass, to shifts.

The matching clusterer, `clustering/orbit_knn.py`, compares the same polar images under all rotations.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.geometry.patches import find_centre
from irl_inr_jax.geometry.polar import invariant_spectrum, polar_images
from irl_inr_jax.methods.pose import make_pose_form
from irl_inr_jax.types import AxisName, Batch, Method, Pose, PyTree


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make the baseline from `config.orbits`; the pose is that of the image's moments for `config.model.pose`."""
    orbits, form = config.orbits, make_pose_form(config)
    grid = {"num_radii": orbits.num_radii, "num_angles": orbits.num_angles, "radius": orbits.radius or 1.0}
    fill = config.views.fill

    def encode(
        params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
    ) -> tuple[Float[Array, "b d"], Pose]:
        polar = polar_images(images, find_centre(images, orbits.centre), **grid, fill=fill)
        return invariant_spectrum(polar), form.image_pose(images)

    return Method(name="orbit_knn", init=init, loss=loss, encode=encode, reconstruct=None)


def init(key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, PyTree]:
    """Return no parameters."""
    return {"encoder": {}}, {}


def loss(params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """Return 0: there is nothing to train."""
    zero = jnp.zeros(())
    return zero, ({"loss": zero}, model_state)
