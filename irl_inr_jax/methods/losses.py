"""The losses: arrays in, one number out, one function an equation.

All are means over the images they are given, so that the mean over devices with equal shares is the mean over the
global batch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from irl_inr_jax.geometry.moments import angle_of

_EPSILON = 1e-8


def recon_loss(values: Float[Array, "b n c"], target: Float[Array, "b n c"]) -> Float[Array, ""]:
    """L_recon of section 3.3.1, mean over pixels, channels and images: ||J_p - I(x~_p, y~_p; eta)||^2.

    With the latents of the other view in eta it is the cross-reconstruction loss: view 1 is drawn from what view 2
    says it is and from where view 1 stands, which z can serve only by being blind to the pose.
    """
    return jnp.mean((values - target) ** 2)


def cosine_consistency_loss(latents1: Float[Array, "b d"], latents2: Float[Array, "b d"]) -> Float[Array, ""]:
    """L_consis of section 3.3.2: 1 - z1.z2 / (|z1||z2|). Zero latents count as orthogonal and give no NaN."""
    norms = jnp.sqrt(((latents1**2).sum(-1) + _EPSILON) * ((latents2**2).sum(-1) + _EPSILON))
    return jnp.mean(1 - (latents1 * latents2).sum(-1) / norms)


def mse_consistency_loss(latents1: Float[Array, "b d"], latents2: Float[Array, "b d"]) -> Float[Array, ""]:
    """The other distance of section 3.3.2, used for the reconstruction figures: mean over d of (z1 - z2)^2."""
    return jnp.mean((latents1 - latents2) ** 2)


def cosine_similarities(vectors: Float[Array, "m p"], others: Float[Array, "n p"]) -> Float[Array, "m n"]:
    """u.v / (|u||v|) of every pair. A zero vector counts as orthogonal to all and gets no gradient, instead of NaN."""

    def to_unit_length(vectors: Float[Array, "k p"]) -> Float[Array, "k p"]:
        squared = (vectors**2).sum(-1, keepdims=True)
        is_zero = squared <= _EPSILON
        return jnp.where(is_zero, 0.0, vectors * jax.lax.rsqrt(jnp.where(is_zero, 1.0, squared)))

    # The temperature multiplies what an accelerator would round off in reduced precision.
    return jnp.matmul(to_unit_length(vectors), to_unit_length(others).T, precision=jax.lax.Precision.HIGHEST)


def contrastive_loss(
    similarities: Float[Array, "m n"], is_self: Bool[Array, "m n"], is_positive: Bool[Array, "m n"], temperature: float
) -> Float[Array, ""]:
    """NT-Xent (Chen et al., 2020, equation 1): mean over anchors of -log softmax(similarity / temperature)[positive].

    similarities: cosines of m anchors and n candidates. is_self: what is left out of the softmax, the anchor itself.
    is_positive: one entry a row, the other view of the anchor's image. log(n - 1) where all candidates are alike.
    """
    logits = similarities / temperature
    everything = jax.nn.logsumexp(logits, axis=1, where=~is_self)
    return jnp.mean(everything - logits.sum(axis=1, where=is_positive))


def centre_symmetry_loss(predicted: Float[Array, "b 2"], centre: Float[Array, "b 2"]) -> Float[Array, ""]:
    """L_symm of section 3.4 as the authors ran it: mean over the two components of (m - m^)^2."""
    return jnp.mean((predicted - centre) ** 2)


def orientation_symmetry_loss(
    direction: Float[Array, "b 2"], theta: Float[Array, "b"], strength: Float[Array, "b"]
) -> Float[Array, ""]:
    """Symmetry breaking by angle: strength * |direction - (cos theta, sin theta)|^2.

    `direction` is the encoder's raw vector, `theta` the phase of c21 and `strength` in [0, 1] how well that phase is
    defined, so that a nearly symmetric image, whose phase is noise, teaches nothing.
    """
    target = jnp.stack([jnp.cos(theta), jnp.sin(theta)], axis=-1)
    return jnp.mean(strength * ((direction - target) ** 2).sum(-1))


def bernoulli_loss(logits: Float[Array, "b n c"], target: Float[Array, "b n c"]) -> Float[Array, "b"]:
    """-log p(J | z) of each image under a Bernoulli law of its pixels, summed over points and channels.

    target: in [0, 1]. The likelihood of Spatial-VAE and TARGET-VAE; their ELBO sums it over the whole image, so what is
    asked at fewer points is to be multiplied by pixels / n.
    """
    return (jax.nn.softplus(logits) - logits * target).sum((1, 2))


def normal_kl(
    mean: Float[Array, "*s"], log_std: Float[Array, "*s"], prior_mean: Float[Array, "*#s"], prior_std: float
) -> Float[Array, "*s"]:
    """KL(N(mean, std^2) || N(prior_mean, prior_std^2)), entry by entry."""
    log_ratio = log_std - jnp.log(prior_std)
    return -log_ratio + 0.5 * (jnp.exp(2 * log_ratio) + ((mean - prior_mean) / prior_std) ** 2 - 1)


def categorical_kl(log_probs: Float[Array, "b m"], prior_log_probs: Float[Array, "m"]) -> Float[Array, "b"]:
    """KL(q || p) of distributions over m outcomes. An outcome that q all but excludes counts as 0 and gives no NaN."""
    probs = jnp.exp(log_probs)
    # Chosen before the product: 0 times the -inf of an outcome that is left out would make the gradient NaN.
    log_ratio = jnp.where(probs > 0, log_probs - prior_log_probs, 0.0)
    return (probs * log_ratio).sum(-1)


def angle_error(direction: Float[Array, "b 2"], theta: Float[Array, "b"]) -> Float[Array, ""]:
    """Mean absolute angle in radians between the encoder's direction and theta; for the log, not for training."""
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    x, y = direction[..., 0], direction[..., 1]
    return jnp.mean(jnp.abs(angle_of(jnp.stack([x * cos + y * sin, y * cos - x * sin], axis=-1))))


def ramp(progress: Float[Array, ""], start: float, end: float) -> Float[Array, ""]:
    """0 before `start`, 1 after `end`, linear between; both shares of the run. A weight's multiplier."""
    return jnp.clip((progress - start) / max(end - start, 1e-6), 0.0, 1.0)
