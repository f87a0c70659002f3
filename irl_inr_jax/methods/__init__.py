"""One file a method; `METHODS` maps the name in `config.method` to its `make_method`.

`make_method(config, *, num_channels, axis_name)` reads the configuration once and returns a `Method` of pure functions.
"""

from collections.abc import Callable

from irl_inr_jax.methods import irl_inr, orbit_knn, thesis
from irl_inr_jax.types import Method

METHODS: dict[str, Callable[..., Method]] = {
    "irl_inr": irl_inr.make_method,
    "thesis": thesis.make_method,
    "orbit_knn": orbit_knn.make_method,
}
