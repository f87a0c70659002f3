"""Patches about the centre of an image."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.ndimage import map_coordinates

from irl_inr_jax.geometry.patches import centred_patches, content_radius, find_centre

SIDE = 20


def spots(rows_and_columns):
    """One image per list of pixels, which are 1."""
    images = np.zeros((len(rows_and_columns), SIDE, SIDE, 1), np.float32)
    for image, pixels in zip(images, rows_and_columns, strict=True):
        for row, column in pixels:
            image[row, column] = 1.0
    return images


@jax.jit
def cut(images, centre):
    return centred_patches(images, centre, side=8, reach=0.4, fill=0.0)


def test_a_patch_of_the_images_own_pixels_is_a_cutout_that_moves_with_the_image():
    """0.4 half sides are 4 of 20 pixels on either side of the centre: the 8 pixels of the patch."""
    images = np.random.default_rng(0).uniform(size=(2, SIDE, SIDE, 1)).astype(np.float32)
    middle = jnp.array([[0.0, 0.0], [0.2, -0.1]])  # the second is 2 pixels to the right and 1 down
    patches = np.asarray(cut(images, middle))
    np.testing.assert_allclose(patches[0], images[0, 6:14, 6:14], atol=1e-5)
    np.testing.assert_allclose(patches[1], images[1, 7:15, 8:16], atol=1e-5)


def test_a_patch_is_the_bilinear_interpolation_of_its_points_with_fill_outside():
    """Against scipy in float64, for a rectangular image of two channels; one of the patches reaches over the edge."""
    images = np.random.default_rng(1).uniform(-1, 1, size=(2, 12, 17, 2)).astype(np.float32)
    centre = np.array([[0.13, -0.21], [0.8, -0.9]], np.float32)
    patches = centred_patches(jnp.asarray(images), jnp.asarray(centre), side=9, reach=0.55, fill=-0.5)
    steps = 0.55 * ((2 * np.arange(9) + 1) / 9 - 1)
    for image, (x, y), patch in zip(images, centre.astype(np.float64), patches, strict=True):
        row, column = ((1 - (y - steps)) * 12 / 2 - 0.5, (1 + x + steps) * 17 / 2 - 0.5)
        places = np.stack(np.meshgrid(row, column, indexing="ij")) + 2  # of the image with a border of fill
        for channel in range(2):
            bordered = np.pad(image[:, :, channel].astype(np.float64), 2, constant_values=-0.5)
            expected = map_coordinates(bordered, places, order=1, mode="constant", cval=-0.5)
            np.testing.assert_allclose(patch[:, :, channel], expected, atol=1e-5)


def test_the_content_radius_is_the_distance_of_the_farthest_mass_and_0_for_a_blank_image():
    images = spots([[(9, 9), (9, 15), (9, 3)], [(5, 5)], []])
    measure = jax.jit(lambda images: content_radius(images, find_centre(images, "mass")))
    np.testing.assert_allclose(measure(images), [0.6, 0.0, 0.0], atol=1e-6)


def test_the_centre_is_that_of_mass_or_the_middle():
    images = spots([[(9, 15)]])
    np.testing.assert_allclose(jax.jit(lambda images: find_centre(images, "mass"))(images), [[0.55, 0.05]], atol=1e-6)
    np.testing.assert_array_equal(find_centre(jnp.asarray(images), "image"), [[0.0, 0.0]])
