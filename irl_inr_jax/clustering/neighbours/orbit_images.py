"""Images prepared for comparison under all rotations: angular spectra, their invariants and centred patches."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.clustering.neighbours.distortion import BLUR_PX, PATCH_SIDE
from irl_inr_jax.clustering.neighbours.pair_products import LANES
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.geometry.moments import blur_images
from irl_inr_jax.geometry.patches import centred_patches, content_radius, find_centre
from irl_inr_jax.geometry.polar import angular_spectrum, polar_images
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.types import Scaling

Images = Shaped[np.ndarray, "n h w c"] | LazyImages

NUM_MEASURED = 2_000  # images on which the content radius is measured
CONTENT_QUANTILE = 0.99  # share of the images whose content is inside the disc


class OrbitImages(NamedTuple):
    """Images in the form in which pairs of them are compared.

    spectra: real and imaginary parts of the angular spectra of the unit-norm polar images, r circles and channels,
        frequencies padded with zeros. The last circle marks blank images, which are similar to each other and
        dissimilar to all others.
    patches: blurred patches about the centre, for re-ranking; None without it.
    """

    spectra: Float32[np.ndarray, "n 2 r f"]
    patches: Float32[np.ndarray, "n c s s"] | None

    def take(self, rows: slice | np.ndarray) -> "OrbitImages":
        """Return the images in `rows`."""
        return OrbitImages(self.spectra[rows], None if self.patches is None else self.patches[rows])

    @property
    def invariants(self) -> Float32[np.ndarray, "n d"]:
        """The moduli of the spectra, which do not depend on the rotation or on mirroring."""
        return np.sqrt((self.spectra**2).sum(axis=1)).reshape(len(self.spectra), -1)


def measure_radius(images: Images, scaling: Scaling, settings: ConfigDict, *, batch_size: int) -> float:
    """Return the radius in half sides of the disc that holds the content of nearly all images, at most 1.

    settings: `config.orbits`. A radius set there is returned as it is. Otherwise it is a quantile of the content radii
    of evenly spaced images; 1 if all of them are blank.
    """
    if settings.radius:
        return settings.radius
    rows = np.linspace(0, len(images) - 1, min(NUM_MEASURED, len(images))).astype(np.int64)
    radii = map_batches(_compile_measure(scaling, settings.centre), (), images[rows], size=batch_size)
    radii = radii[radii > 0]  # also drops NaN
    return min(1.0, float(np.quantile(radii, CONTENT_QUANTILE))) if len(radii) else 1.0


def prepare_orbits(
    images: Images, scaling: Scaling, settings: ConfigDict, *, radius: float, fill: float, batch_size: int
) -> OrbitImages:
    """Compute spectra and patches of stored images; settings: `config.orbits`; radius: of `measure_radius`."""
    prepare = _compile_prepare(
        scaling,
        centre=settings.centre,
        num_radii=settings.num_radii,
        num_angles=settings.num_angles,
        radius=radius,
        fill=fill,
        with_patches=settings.rerank,
    )
    return OrbitImages(*map_batches(prepare, (), images, size=batch_size))


@functools.lru_cache(maxsize=8)
def _compile_measure(scaling: Scaling, centre: str) -> Callable[..., Float[Array, "b"]]:
    @jax.jit
    def measure(_, stored):
        unit = to_unit(scaling, stored)
        return content_radius(unit, find_centre(unit, centre))

    return measure


@functools.lru_cache(maxsize=8)
def _compile_prepare(
    scaling: Scaling, *, centre: str, num_radii: int, num_angles: int, radius: float, fill: float, with_patches: bool
) -> Callable[..., tuple[Float[Array, "b 2 r f"], Float[Array, "b c s s"] | None]]:
    @jax.jit
    def prepare(_, stored):
        unit = to_unit(scaling, stored)
        middle = find_centre(unit, centre)
        polar = polar_images(unit, middle, num_radii=num_radii, num_angles=num_angles, radius=radius, fill=fill)
        is_blank = (polar == 0).all((1, 2, 3))
        spectrum = angular_spectrum(polar)  # (b, f, real and imaginary parts of all circles)
        spectra = jnp.moveaxis(spectrum.reshape(*spectrum.shape[:2], 2, -1), 1, 3)
        marker = jnp.zeros_like(spectra[:, :, :1]).at[:, 0, 0, 0].set(is_blank.astype(jnp.float32))
        spectra = jnp.concatenate([spectra, marker], axis=2)
        spectra = jnp.pad(spectra, ((0, 0), (0, 0), (0, 0), (0, -spectra.shape[3] % LANES)))
        if not with_patches:
            return spectra, None
        patches = centred_patches(unit, middle, side=PATCH_SIDE, reach=radius, fill=fill)
        return spectra, jnp.moveaxis(blur_images(patches, BLUR_PX), 3, 1)

    return prepare
