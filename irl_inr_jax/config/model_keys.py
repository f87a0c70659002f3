"""Keys of the networks: `config.model`."""

from irl_inr_jax.config.rules import ANY, POSITIVE, WIDTHS, Block, Key, at_least, multiple_of, one_of

HEAD_WIDTHS = (512, 512)  # of the encoder, and of the decoder of an autoencoder


def model_keys() -> Block:
    """Networks."""
    return {
        "latent_dim": Key(10, at_least(1), "d, the size of z; few dimensions make compact clusters"),
        "initial_weights": Key(
            "scaled",
            one_of("scaled", "uniform"),
            "of dense layers: scaled (He's, first image at the mean pixel), or as published within 1 / sqrt(inputs)",
        ),
        "dtype": Key("float32", one_of("float32", "bfloat16"), "dtype of matmuls and convolutions; else float32"),
        "encoder": encoder_keys(),
        "hypernet": {
            "widths": Key((128, 128), WIDTHS, "hidden layers"),
            "num_shards": Key(1, at_least(1), "devices that share its last layer and the optimizer state of it"),
        },
        "inr": {
            "widths": Key((64, 64, 64), WIDTHS, "hidden layers"),
            "activation": Key("relu", one_of("relu", "leaky_relu", "sine"), "sine: a SIREN without Fourier features"),
            "num_frequencies": Key(64, at_least(1), "f, the rows of B"),
            "frequency_std": Key(2.0, at_least(0), "sigma, the standard deviation of B's entries"),
        },
        "spatial": {  # generators (coords, z) -> value of spatial_vae, target_vae and mlp_generator
            "widths": Key((256, 256, 256), WIDTHS, "hidden layers"),
            "activation": Key("leaky_relu", one_of("leaky_relu", "tanh"), "activation of the hidden layers"),
            "num_frequencies": Key(256, at_least(0), "random Fourier features of the coords; 0 for the coords"),
            "frequency_std": Key(
                2.0, at_least(0), "their standard deviation, in periods over half the image; 0: one radian per pixel"
            ),
        },
        "group_conv": {  # encoder of target_vae
            "num_rotations": Key(16, one_of(4, 8, 16), "P, the rotations of the filters"),
            "features": Key(128, at_least(1), "number of filters"),
            "kernel_size": Key(28, at_least(1), "side of the filters in pixels"),
            "padding": Key(8, at_least(0), "pixels of background around the image"),
            "stride": Key(1, at_least(1), "pixels between the positions that are attended to"),
            "disc": Key(True, ANY, "cut the filters to their inscribed disc, 79 % of the taps; published without"),
        },
        "pose": {
            "form": Key("closed_form", one_of("closed_form", "moment", "centre", "none"), "see methods/pose.py"),
            "translation": Key(True, ANY, "False for images that are rotated only: tau is 0"),
            "blur_px": Key(0.0, at_least(0), "closed_form of noisy images: blur before the angle; 0 for none"),
            "reach": Key(0.0, at_least(0), "with a blur: largest radius that counts, in half sides; 0 for no bound"),
            "num_rotations": Key(32, at_least(1), "closed_form: rotations compared with the INR; 1 keeps arg c21"),
            "num_radii": Key(8, at_least(1), "circles on which those rotations are compared"),
        },
    }


def encoder_keys() -> Block:
    """The encoder E."""
    return {
        "input": Key("canonical", one_of("canonical", "raw"), "canonical: image in its closed-form canonical pose"),
        "trunk": Key("polar", one_of("resnet18", "mlp", "polar"), "network before the head"),
        "stage_sizes": Key((2, 2, 2, 2), WIDTHS, "residual blocks of each stage"),
        "width": Key(64, at_least(1), "features of the first stage, doubled from stage to stage"),
        "stem": Key("3x3", one_of("3x3", "3x3/2", "7x7"), "3x3/2 has stride 2, 7x7 stride 2 and max-pooling"),
        "padding": Key("same", one_of("same", "symmetric"), "of the ResNet: symmetric is k // 2, as published"),
        "num_calls": Key(1, one_of(1, 2), "irl_inr: both views in one call, or two with own batch norm statistics"),
        "polar": {  # circular convolutions on polar images: z is invariant to rotations by construction
            "num_angles": Key(48, multiple_of(4), "points on each circle"),
            "num_radii": Key(16, at_least(1), "circles about the centre of the closed-form pose"),
            "radius": Key(1.0, POSITIVE, "of the outermost circle, in half sides"),
            "widths": Key((48, 64, 96), WIDTHS, "features of the convolutions; the first two have stride 2"),
            "head_width": Key(128, at_least(1), "hidden layer between the pooled features and z"),
            "pose_widths": Key((64,), WIDTHS, "hidden layers between the features and the pose"),
        },
        "head_widths": Key(HEAD_WIDTHS, WIDTHS, "hidden layers of the head; all hidden layers of an mlp"),
    }
