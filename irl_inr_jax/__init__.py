"""IRL-INR in JAX: cluster images that have arbitrary rotations and positions.

Symbols of the papers and their names in the code; `b` is the number of images in a batch, `d` the dimension of z, `n`
the number of points.

    symbol          name                shape           module
    J               images              (b, h, w, c)    types.Batch, types.ImageSet
    (x_p, y_p)      coords              (b, n, 2)       geometry/coords.py: pixel_grid, in [-1, 1]^2, y upwards
    S_theta,tau     Pose(theta, tau)    (b,), (b, 2)    geometry/coords.py: transform_coords; geometry/warps.py
    m = CoM(J)      centre_of_mass      (b, 2)          geometry/moments.py
    c21             complex_moment_21   (b, 2)          geometry/moments.py
    E_phi           Encoder             (b, d + p)      models/encoder.py; methods/pose.py reads the p pose outputs
    z               latents             (b, d)          types.Embeddings
    H_psi           HyperNetwork        -> eta          models/hypernetwork.py
    eta             eta                 pytree          models/inr.py: layers {'w': (in, out), 'b': (out,)}
    B               frequencies         (f, 2)          models/fourier.py: sample_frequencies
    I(x, y; eta)    apply_inr           (n, c)          models/inr.py, vmapped in models/generator.py
    L_recon         recon_loss          ()              methods/losses.py
    L_consis        *_consistency_loss  ()              methods/losses.py
    L_symm          *_symmetry_loss     ()              methods/losses.py
    epsilon * aux   Encoded.aux         (b, d)          methods/parts.py, used by methods/thesis.py
    Phi_eta         Classifier.logits   (heads, b, k)   clustering/finetune.py
    Lambda          agreement_loss,     ()              clustering/objectives.py
                    size_loss
    q, p of DEC     soft_assignment,    (b, k)          clustering/objectives.py
                    target_distribution

`IRLINR` is the estimator; everything else is imported from its module: `irl_inr_jax.data.datasets.make_dataset`,
`irl_inr_jax.training.trained.load_trained`, `irl_inr_jax.evaluation.embeddings.embed_images`. The estimator imports JAX
when it is used, so that `irl-inr --help` answers at once.
"""

from irl_inr_jax.estimator import IRLINR

__all__ = ["IRLINR", "__version__"]

__version__ = "0.1.0"
