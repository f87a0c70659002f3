"""Polar images of patches under random rotations and small distortions, sampled in a single resampling step.

Patches are centred squares (`geometry/patches.py`), whose half side is the radius of the content. Lengths are shares of
it, so strengths do not depend on the resolution. The layout (b, t, m) is that of `models/polar_trunk.py`: t angles, and
m = radii * channels.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from irl_inr_jax.geometry.coords import rotate_coords
from irl_inr_jax.geometry.polar import polar_grid
from irl_inr_jax.geometry.warps import sample_image

NUM_WAVES = 3
WAVE_NUMBER = 4.0  # standard deviation per axis, in radians per half side: waves of about one and a half half sides


class ViewStrengths(NamedTuple):
    """Strengths of the distortions of a view.

    scale, stretch, shear: standard deviations of the relative size, and of the stretch along and the shear between two
    axes in random orientation. shift: standard deviation of the shift per axis. wave: amplitude per axis of each of
    `NUM_WAVES` plane waves of displacement. mirror: whether half of the views, at random, are mirrored.
    """

    scale: float
    stretch: float
    shear: float
    shift: float
    wave: float
    mirror: bool


class Distortion(NamedTuple):
    """Map of points x of each view to y = A x + waves(A x) + shift in its patch.

    linear: A. A wave displaces y by its amplitude times sin(k y + phase), with a phase for each axis.
    """

    linear: Float[Array, "b 2 2"]
    shift: Float[Array, "b 2"]
    wave_vectors: Float[Array, "b waves 2"]
    phases: Float[Array, "b waves 2"]
    amplitude: Float[Array, "b"]


def sample_polar_views(
    keys: jax.Array,
    patches: Float[Array, "b s s c"],
    strengths: ViewStrengths,
    *,
    num_radii: int,
    num_angles: int,
    fill: float,
) -> Float[Array, "b t m"]:
    """Compute polar images of the patches, each in a random rotation and with a random distortion of its own.

    keys: one for each patch. fill: value outside the patches.
    """
    distortion = jax.vmap(lambda key: _draw(key, strengths))(keys)
    return sample_distorted(patches, distortion, num_radii=num_radii, num_angles=num_angles, fill=fill)


def sample_polar_patches(
    patches: Float[Array, "b s s c"], *, num_radii: int, num_angles: int, fill: float
) -> Float[Array, "b t m"]:
    """Compute polar images of the patches as they are."""
    coords = _polar_points(num_radii, num_angles)
    return _sample(patches, jnp.broadcast_to(coords, (len(patches), *coords.shape)), num_angles=num_angles, fill=fill)


def sample_distorted(
    patches: Float[Array, "b s s c"], distortion: Distortion, *, num_radii: int, num_angles: int, fill: float
) -> Float[Array, "b t m"]:
    """Compute polar images of the patches under given distortions."""
    coords = distort_coords(_polar_points(num_radii, num_angles), distortion)
    return _sample(patches, coords, num_angles=num_angles, fill=fill)


def distort_coords(points: Float[Array, "n 2"], distortion: Distortion) -> Float[Array, "b n 2"]:
    """Apply each distortion to the points."""
    linear = distortion.linear[:, :, :, None]
    x = linear[:, 0, 0] * points[:, 0] + linear[:, 0, 1] * points[:, 1]
    y = linear[:, 1, 0] * points[:, 0] + linear[:, 1, 1] * points[:, 1]
    displaced = [x + distortion.shift[:, :1], y + distortion.shift[:, 1:]]
    for wave in range(distortion.wave_vectors.shape[1]):
        vector, phases = distortion.wave_vectors[:, wave], distortion.phases[:, wave]
        along = vector[:, :1] * x + vector[:, 1:] * y
        for axis in range(2):
            displaced[axis] += distortion.amplitude[:, None] * jnp.sin(along + phases[:, axis, None])
    return jnp.stack(displaced, axis=-1)


def _draw(key: jax.Array, strengths: ViewStrengths) -> Distortion:
    """Draw the distortion of one view, without the axis of the batch."""
    affine_key, wave_key, phase_key = jax.random.split(key, 3)
    uniform = jax.random.uniform(phase_key, (3 + 2 * NUM_WAVES,))
    rotation, orientation, phases = 2 * jnp.pi * uniform[0], 2 * jnp.pi * uniform[1], 2 * jnp.pi * uniform[3:]
    normal = jax.random.normal(affine_key, (5,))
    size, stretch, shear = 1 + strengths.scale * normal[0], strengths.stretch * normal[1], strengths.shear * normal[2]
    symmetric = jnp.stack([jnp.stack([size + stretch, shear]), jnp.stack([shear, size - stretch])])
    # A maps the unit vectors to these rows: rotated to the orientation, stretched, and rotated further.
    rows = rotate_coords(jnp.eye(2), orientation) @ symmetric
    rows = rotate_coords(rows, rotation - orientation)
    flip = jnp.where(jnp.logical_and(strengths.mirror, uniform[2] < 0.5), -1.0, 1.0)
    return Distortion(
        linear=rows.T * jnp.stack([jnp.ones_like(flip), flip]),
        shift=strengths.shift * normal[3:],
        wave_vectors=WAVE_NUMBER * jax.random.normal(wave_key, (NUM_WAVES, 2)),
        phases=phases.reshape(NUM_WAVES, 2),
        amplitude=jnp.asarray(strengths.wave, jnp.float32),
    )


def _polar_points(num_radii: int, num_angles: int) -> Float[Array, "n 2"]:
    """Return the points of the polar grid angle by angle, the order of the network's input."""
    grid = polar_grid(num_radii, num_angles, radius=1.0).reshape(num_radii, num_angles, 2)
    return grid.swapaxes(0, 1).reshape(-1, 2)


def _sample(
    patches: Float[Array, "b s s c"], coords: Float[Array, "b n 2"], *, num_angles: int, fill: float
) -> Float[Array, "b t m"]:
    def one(patch, coords):
        return sample_image(patch, coords, interpolation="bilinear", fill=fill)

    return jax.vmap(one)(patches, coords).reshape(len(patches), num_angles, -1)
