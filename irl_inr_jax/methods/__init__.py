"""One file per method; `METHODS` maps the name in `config.method` to its `make_method`.

`make_method(config, *, num_channels, low, axis_name)` reads the configuration once and returns a `Method`, a record of
pure functions. num_channels: of the images. low: the least value of a pixel, 0 or -1. axis_name: the mapped axis over
which batch statistics are taken; None outside a mapped function.
"""

from collections.abc import Callable

from irl_inr_jax.methods import (
    autoencoder,
    irl_inr,
    mlp_generator,
    orbit_knn,
    simclr,
    spatial_vae,
    target_vae,
    thesis,
    wafer_features,
)
from irl_inr_jax.types import Method

METHODS: dict[str, Callable[..., Method]] = {
    "irl_inr": irl_inr.make_method,
    "thesis": thesis.make_method,
    "simclr": simclr.make_method,
    "spatial_vae": spatial_vae.make_method,
    "target_vae": target_vae.make_method,
    "mlp_generator": mlp_generator.make_method,
    "autoencoder": autoencoder.make_method,
    "orbit_knn": orbit_knn.make_method,
    "wafer_features": wafer_features.make_method,
}
