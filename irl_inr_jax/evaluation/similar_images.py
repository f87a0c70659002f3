"""The images of a run nearest to one image under all rotations."""

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float32, Int, Shaped
from ml_collections import ConfigDict

from irl_inr_jax.clustering.neighbours.distortion import distortion_distances
from irl_inr_jax.clustering.neighbours.image_neighbours import SearchSettings, index_images, make_search_settings
from irl_inr_jax.clustering.neighbours.orbit_images import Images, measure_radius, prepare_orbits
from irl_inr_jax.clustering.neighbours.pair_products import rotation_products, rotation_tables
from irl_inr_jax.data.assembly import make_fit
from irl_inr_jax.data.fitting import fit_images
from irl_inr_jax.data.readers.image_files import read_image
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.data.source import Source
from irl_inr_jax.geometry.patches import find_centre
from irl_inr_jax.geometry.warps import transform_images
from irl_inr_jax.types import InputError, Pose, Scaling


class SimilarImages(NamedTuple):
    """The images nearest to a query, nearest first.

    rows: (n,). similarity: (n,) cosine similarity of the polar images in the best rotation, at most 1. distance: (n,)
    of the distortion model, by which they are ranked; None if they are ranked otherwise. angles: (n,) radians by which
    each is rotated counter-clockwise to match the query. mirrored: (n,) whether it is mirrored top to bottom before.
    """

    rows: Int[np.ndarray, "n"]
    similarity: Float[np.ndarray, "n"]
    distance: Float[np.ndarray, "n"] | None
    angles: Float[np.ndarray, "n"]
    mirrored: Int[np.ndarray, "n"]


def make_similar_settings(config: ConfigDict, scaling: Scaling) -> SearchSettings:
    """Return the settings of the search, those that clusterers by neighbours use."""
    return make_search_settings(
        scaling,
        orbits=config.orbits,
        wafers=config.wafers,
        fill=config.views.fill,
        batch_size=config.train.batch_size,
    )


def find_similar(
    query: Shaped[np.ndarray, "1 h w c"], images: Images, settings: SearchSettings, *, count: int, own_row: int | None
) -> SimilarImages:
    """Find the `count` images nearest to a query; all are stored. own_row: the query's row, left out of the result."""
    wanted = min(count + (own_row is not None), len(images))
    rows = index_images(images, settings).of_others(query, wanted)[0].astype(np.int64)
    rows = rows[rows != own_row][:count] if own_row is not None else rows
    if len(rows) == 0:
        raise InputError("expected other images than the query in the run, found none")
    orbits = settings.orbits
    radius = measure_radius(images, settings.scaling, orbits, batch_size=settings.batch_size)
    options = {"radius": radius, "fill": settings.fill, "batch_size": settings.batch_size}
    queries = prepare_orbits(query, settings.scaling, orbits, **options)
    points = prepare_orbits(images[rows], settings.scaling, orbits, **options)
    pairs = np.arange(len(rows), dtype=np.int32)[None]
    products, steps, mirrored = rotation_products(
        queries.spectra, points.spectra, pairs, *rotation_tables(orbits.num_angles), orbits.num_angles, orbits.mirror
    )
    angles = (2 * np.pi / orbits.num_angles * steps).astype(np.float32)
    distance = None
    if orbits.distance == "rotations" and queries.patches is not None and points.patches is not None:
        distance = distortion_distances(queries.patches, points.patches, pairs, angles, mirrored)[0]
    norms = [np.sqrt(_energy(spectra, orbits.num_angles)) for spectra in (queries.spectra, points.spectra)]
    similarity = products[0] / np.maximum(norms[0] * norms[1], 1e-12)
    return SimilarImages(rows, similarity, distance, angles[0], mirrored[0])


def _energy(spectra: Float32[np.ndarray, "n 2 r f"], num_angles: int) -> Float[np.ndarray, "n"]:
    """Return the product of each image with itself."""
    pairs = np.arange(len(spectra), dtype=np.int32)[:, None]
    tables = rotation_tables(num_angles)
    return rotation_products(spectra, spectra, pairs, *tables, num_angles, False)[0][:, 0]


def match_query(
    query: Shaped[np.ndarray, "1 h w c"],
    neighbours: Shaped[np.ndarray, "n h w c"],
    found: SimilarImages,
    settings: SearchSettings,
) -> Float32[np.ndarray, "n h w c"]:
    """Return the neighbours in [low, 1], rotated and shifted to the orientation and position of the query."""
    unit = jnp.asarray(to_unit(settings.scaling, neighbours))
    unit = jnp.where(jnp.asarray(found.mirrored != 0)[:, None, None, None], unit[:, ::-1], unit)
    centre = settings.orbits.centre
    target = find_centre(jnp.asarray(to_unit(settings.scaling, query)), centre)
    about = find_centre(unit, centre)
    cos, sin = np.cos(found.angles), np.sin(found.angles)
    x, y = np.asarray(about).T
    rotated = np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
    pose = Pose(theta=jnp.asarray(found.angles), tau=target - rotated)
    return np.asarray(transform_images(unit, pose, interpolation="bilinear", fill=settings.fill))


def prepare_file(data: ConfigDict, source: Source, path: Path) -> Shaped[np.ndarray, "1 s s c"]:
    """Read an image file and fit it to a square as the images of `source` are.

    Raises InputError for an unreadable file, another type or number of channels, and an image that is too large.
    """
    if data.name == "particles":
        raise InputError(f"expected the id of a particle, found the file {path}; particles are scaled with their stack")
    image = read_image(path)
    image = image.astype(np.uint8) if image.dtype == bool else image
    if image.shape[2] == 1 and source.channels == 3:
        image = np.repeat(image, 3, axis=2)
    if image.dtype != source.dtype or image.shape[2] != source.channels:
        raise InputError(
            f"expected an image of {source.dtype} with {source.channels} channels, as those of the run, found "
            f"{image.dtype} with {image.shape[2]} in {path}; convert it"
        )
    fit = make_fit(data, source)
    if fit.side and max(image.shape[:2]) > fit.side:
        raise InputError(
            f"expected at most {fit.side} pixels a side, the largest of the run's images, found "
            f"{image.shape[0]}x{image.shape[1]} in {path}; crop it"
        )
    return fit_images(image[None], fit)
