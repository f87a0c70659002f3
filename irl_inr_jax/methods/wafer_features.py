"""Training-free features of wafer maps, invariant to rotations and mirror images about the image centre.

Defects of a wafer are patterns of failed dies on a background of scattered ones. The features are, in this order:

1. spectra of rings of the density of failed dies, of its excess over the wafer's own background, and of lines of failed
   dies, each scaled to unit norm: the shape of the pattern;
2. the share of failed dies;
3. statistics of the excess and of lines in bands of rings, in units of the wafer's own noise: its strength.

Position counts, so rings are about the image centre, which is the wafer's, and not about the centre of mass.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from irl_inr_jax.geometry.rings import (
    Level,
    average_rings,
    band_statistics,
    excess_over,
    find_level,
    ring_spectrum,
    sample_rings,
)
from irl_inr_jax.geometry.wafers import (
    Dies,
    MapFilters,
    detect_lines,
    failed_share,
    failure_densities,
    make_map_filters,
    pattern_strength,
    read_dies,
)
from irl_inr_jax.methods.pose import make_pose_form
from irl_inr_jax.types import AxisName, Batch, Method, Pose, PyTree

# Spreads above the median from which a density and a line response are an excess.
_DENSITY_SPREADS, _LINE_SPREADS = 2.0, 3.0
# Added to the excess, so that the spectrum of a wafer without a pattern is that of a uniform disc and not of noise; and
# to the spread in the statistics.
_DENSITY_FLOOR, _LINE_FLOOR = 0.03, 0.01


def make_method(config: ConfigDict, *, num_channels: int, low: float, axis_name: AxisName) -> Method:
    """Make the method from `config.wafers`; the pose is the closed form of `config.model.pose`."""
    describe, form = make_wafer_features(config.wafers), make_pose_form(config)

    def encode(
        params: PyTree, model_state: PyTree, images: Float[Array, "b h w c"]
    ) -> tuple[Float[Array, "b d"], Pose]:
        return describe(images), form.closed_form(images)[0]

    return Method(name="wafer_features", init=init, loss=loss, encode=encode, reconstruct=None)


def make_wafer_features(settings: ConfigDict) -> Callable[[Float[Array, "b h w c"]], Float[Array, "b d"]]:
    """Make the function from images, with values in [0, 1], to features; settings: `config.wafers`."""
    grid = {"num_radii": settings.num_radii, "num_angles": settings.num_angles}

    def describe(images: Float[Array, "b h w c"]) -> Float[Array, "b d"]:
        return describe_dies(
            read_dies(images, pass_level=settings.pass_level),
            _make_filters(settings, images.shape[1]),
            **grid,
            num_frequencies=settings.num_frequencies,
            averaged_rings=settings.averaged_rings,
            statistics_weight=settings.statistics_weight,
        )

    return describe


def make_pattern_measures(settings: ConfigDict) -> Callable[[Float[Array, "b h w c"]], Float[Array, "b 2"]]:
    """Make the function from images, with values in [0, 1], to `pattern_strength` and the share of failed dies.

    settings: `config.wafers`.
    """

    def measure(images: Float[Array, "b h w c"]) -> Float[Array, "b 2"]:
        dies = read_dies(images, pass_level=settings.pass_level)
        strength = pattern_strength(dies, _make_filters(settings, images.shape[1]))
        return jnp.stack([strength, failed_share(dies)], axis=1)

    return measure


def _make_filters(settings: ConfigDict, side: int) -> MapFilters:
    return make_map_filters(
        side,
        scales=tuple(settings.scales_px),
        line_length=settings.line_px[0],
        line_width=settings.line_px[1],
        num_orientations=settings.num_orientations,
    )


def describe_dies(
    dies: Dies,
    filters: MapFilters,
    *,
    num_radii: int,
    num_angles: int,
    num_frequencies: int,
    averaged_rings: float,
    statistics_weight: float,
) -> Float[Array, "b d"]:
    """Compute the features; those of the density and of its excess at the middle one of the scales.

    averaged_rings: standard deviation of the Gaussian over which the shapes of excess and lines are averaged along the
    radius, or 0; the mean of the excess over each ring is not.
    """
    grid = {"num_radii": num_radii, "num_angles": num_angles}
    densities = failure_densities(dies, filters)
    num_images, num_scales = densities.shape[:2]
    rings = sample_rings(densities.reshape(-1, *densities.shape[2:]), **grid)
    level = find_level(rings)
    per_scale = rings.reshape(num_images, num_scales, num_radii, num_angles)
    medians, spreads = (part.reshape(num_images, num_scales) for part in level)

    lines = sample_rings(detect_lines(dies, filters, medians[:, -1]), **grid)
    line_level = find_level(lines)
    statistics = [
        band_statistics(rings, level, least_spread=_DENSITY_FLOOR).reshape(num_images, -1),
        band_statistics(lines, line_level, least_spread=_LINE_FLOOR).reshape(num_images, -1),
    ]
    middle = num_scales // 2
    main, main_level = per_scale[:, middle], Level(medians[:, middle], spreads[:, middle])
    shapes = [
        main,
        excess_over(main, main_level, _DENSITY_SPREADS) + _DENSITY_FLOOR,
        excess_over(lines, line_level, _LINE_SPREADS) + _LINE_FLOOR,
    ]
    spectra = ring_spectrum(jnp.concatenate(shapes), num_frequencies=num_frequencies)
    density, excess, line = jnp.split(spectra, len(shapes))
    if averaged_rings:
        averaged = average_rings(excess[:, :, 1:], width=averaged_rings)
        excess = jnp.concatenate([excess[:, :, :1], averaged], axis=2)
        line = average_rings(line, width=averaged_rings)
    spectra = jnp.stack([density, excess, line], axis=1).reshape(num_images, -1)
    # Equal steps of this angle are equally reliable for any share.
    angle = 2 / jnp.pi * jnp.arcsin(jnp.sqrt(jnp.clip(failed_share(dies), 0.0, 1.0)))
    return jnp.concatenate([spectra, angle[:, None], statistics_weight * jnp.concatenate(statistics, axis=1)], axis=1)


def init(key: jax.Array, images: Float[Array, "b h w c"]) -> tuple[PyTree, PyTree]:
    """Return no parameters."""
    return {"encoder": {}}, {}


def loss(params: PyTree, model_state: PyTree, key: jax.Array, batch: Batch):
    """Return 0: there is nothing to train."""
    zero = jnp.zeros(())
    return zero, ({"loss": zero}, model_state)
