"""Keys of the losses: `config.loss`, `config.vae` and `config.simclr`."""

import math

from irl_inr_jax.config.rules import ANY, AUGMENTATIONS, POSITIVE, RAMP, WIDTHS, Block, Key, at_least, one_of


def loss_keys() -> Block:
    """Weights of the terms of the loss."""
    return {
        "recon": Key(0.0, at_least(0), "weight of the reconstruction of a view from its own latents"),
        "cross": Key(1.0, at_least(0), "weight of the reconstruction of a view from the other view's latents"),
        "consistency": Key(0.0, at_least(0), "weight of the distance between the latents of two views"),
        "consistency_distance": Key("cosine", one_of("cosine", "mse"), "distance between latents"),
        "consistency_ramp": Key((0.0, 0.5), RAMP, "shares of the run between which that weight grows from 0"),
        "neighbours": Key(0.1, at_least(0), "weight of finding the z of a neighbour under rotations; 0 is off"),
        "neighbours_ramp": Key((0.0, 0.0), RAMP, "shares of the run between which that weight grows from 0"),
        "neighbour_scale": Key(
            20.0, POSITIVE, "factor of z in that term, whose distances are large; z itself stays near 1"
        ),
        "num_neighbours": Key(10, at_least(1), "nearest neighbours, one of which is sampled in each step: see orbits"),
        "symmetry": Key(0.01, at_least(0), "weight of the encoder's pose against centre of mass and phase of c21"),
        "symmetry_views": Key(2, one_of(1, 2), "views in that term: both, or only the first, as published"),
        "num_pixels": Key(256, at_least(0), "random pixels of each image in the reconstruction loss; 0 is all"),
        "num_copies": Key(3, at_least(1), "M, the rotated copies in the thesis' consistency loss"),
        "rotate_images": Key(
            False,
            ANY,
            "thesis, and autoencoder with views=copies: a new rotation of each image in each step; False as published",
        ),
        "views": Key("pair", one_of("pair", "copies"), "autoencoder: IRL-INR's pair or the thesis' rotated copies"),
    }


def vae_keys() -> Block:
    """Losses of spatial_vae and target_vae."""
    return {
        "kl": Key(1.0, at_least(0), "weight of the KL divergences in the ELBO"),
        "theta_std": Key(math.pi / 4, POSITIVE, "of Spatial-VAE's prior N(0, std^2) of theta; TARGET-VAE's is pi / P"),
        "tau_std": Key(0.1, POSITIVE, "of the prior N(0, std^2) of tau per axis, in half sides"),
        "temperature": Key(1.0, POSITIVE, "of the Gumbel-softmax over TARGET-VAE's rotations and positions"),
        "angle_mean": Key(
            "direction", one_of("direction", "number"), "TARGET-VAE's mean of angles: as published of numbers"
        ),
    }


def simclr_keys() -> Block:
    """The method simclr."""
    return {
        "augment": Key("s1+r+t", AUGMENTATIONS, "augmentations of both views, as in clustering.scan.augment"),
        "temperature": Key(0.1, POSITIVE, "temperature of the cosine similarities"),
        "projection_widths": Key((512, 128), WIDTHS, "layers of the head that is used in training only"),
    }
