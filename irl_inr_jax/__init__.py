"""IRL-INR in JAX: what kinds of images there are, whatever way up and wherever they lie.

The papers' symbols and what they are called here; `b` images a batch, `d` the size of z, `n` points.

    symbol          name                shape           where
    J               images              (b, h, w, c)    types.Batch, types.ImageSet
    (x_p, y_p)      coords              (b, n, 2)       geometry/coords.py: pixel_grid, in [-1, 1]^2, y up
    S_theta,tau     Pose(theta, tau)    (b,), (b, 2)    geometry/: transform_coords, transform_images
    m = CoM(J)      centre_of_mass      (b, 2)          geometry/moments.py
    c21             complex_moment_21   (b, 2)          geometry/moments.py
    E_phi           Encoder             (b, d + p)      models/encoder.py; pose.py reads the pose outputs
    z               latents             (b, d)
    H_psi           HyperNetwork        -> eta          models/hypernet.py
    eta             eta                 pytree          models/inr.py: layers {'w': (in, out), 'b': (out,)}
    B               frequencies         (f, 2)          models/fourier.py: draw_frequencies
    I(x, y; eta)    apply_inr           (n, c)          models/inr.py, vmapped in models/generator.py
    L_recon         recon_loss          ()              objectives.py
    L_consis        *_consistency_loss  ()              objectives.py
    L_symm          *_symmetry_loss     ()              objectives.py
    epsilon * aux   Encoded.aux         (b, d)          methods/thesis.py
    Phi_eta         Classifier.logits   (heads, b, k)   clustering/finetune.py
    Lambda          agreement_loss,     ()              clustering/objectives.py
                    size_loss
    q, p of DEC     soft_assignment,    (b, k)          clustering/objectives.py
                    target_distribution
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from irl_inr_jax.data import make_dataset
    from irl_inr_jax.embed import TrainedMethod, embed_images, load_embeddings
    from irl_inr_jax.evaluation import evaluate
    from irl_inr_jax.methods import METHODS
    from irl_inr_jax.runs import load_trained
    from irl_inr_jax.types import Batch, Dataset, Embeddings, ImageSet, InputError, Method, Pose, TrainState

__all__ = [
    "METHODS",
    "Batch",
    "Dataset",
    "Embeddings",
    "ImageSet",
    "InputError",
    "Method",
    "Pose",
    "TrainState",
    "TrainedMethod",
    "embed_images",
    "evaluate",
    "load_embeddings",
    "load_trained",
    "make_dataset",
]

_HOMES = ("types", "data", "embed", "methods", "runs", "evaluation")


def __getattr__(name: str):
    """A public name, its module imported when it is first asked for, so that --help need not wait for all of them."""
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
