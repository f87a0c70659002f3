"""Losses: from arrays to one number, one function per equation.

All are means over the given images, so that the mean over devices with equal shares is the mean over the global batch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from irl_inr_jax.geometry.moments import angle_of

_EPSILON = 1e-8


def recon_loss(values: Float[Array, "b n c"], target: Float[Array, "b n c"]) -> Float[Array, ""]:
    """Compute L_recon of section 3.3.1, mean over pixels, channels and images: ||J_p - I(x~_p, y~_p; eta)||^2.

    With eta from the latents of the other view it is the cross-reconstruction loss: view 1 is reconstructed from the z
    of view 2 and the pose of view 1, which requires z to be invariant to the pose.
    """
    return jnp.mean((values - target) ** 2)


def cosine_consistency_loss(latents1: Float[Array, "b d"], latents2: Float[Array, "b d"]) -> Float[Array, ""]:
    """Compute L_consis of section 3.3.2: 1 - z1.z2 / (|z1||z2|). Zero latents count as orthogonal and give no NaN."""
    norms = jnp.sqrt(((latents1**2).sum(-1) + _EPSILON) * ((latents2**2).sum(-1) + _EPSILON))
    return jnp.mean(1 - (latents1 * latents2).sum(-1) / norms)


def mse_consistency_loss(latents1: Float[Array, "b d"], latents2: Float[Array, "b d"]) -> Float[Array, ""]:
    """Compute the other distance of section 3.3.2, of the reconstruction figures: mean over d of (z1 - z2)^2."""
    return jnp.mean((latents1 - latents2) ** 2)


def cosine_similarities(vectors: Float[Array, "m p"], others: Float[Array, "n p"]) -> Float[Array, "m n"]:
    """Compute u.v / (|u||v|) of every pair. A zero vector counts as orthogonal to all and gets no gradient."""

    def to_unit_length(vectors: Float[Array, "k p"]) -> Float[Array, "k p"]:
        squared = (vectors**2).sum(-1, keepdims=True)
        is_zero = squared <= _EPSILON
        return jnp.where(is_zero, 0.0, vectors * jax.lax.rsqrt(jnp.where(is_zero, 1.0, squared)))

    # Dividing by the temperature would amplify the rounding errors of reduced precision.
    return jnp.matmul(to_unit_length(vectors), to_unit_length(others).T, precision=jax.lax.Precision.HIGHEST)


def cauchy_similarities(vectors: Float[Array, "m p"], others: Float[Array, "n p"]) -> Float[Array, "m n"]:
    """Compute -log(1 + |u - v|^2) of every pair, the log density of a Cauchy kernel.

    With it and temperature 1, `contrastive_loss` is that of contrastive neighbour embedding, t-SimCNE (Boehm, Berens,
    Kobak, ICLR 2023).
    """
    products = jnp.matmul(vectors, others.T, precision=jax.lax.Precision.HIGHEST)
    squares = (vectors**2).sum(-1)[:, None] + (others**2).sum(-1) - 2 * products
    return -jnp.log1p(jnp.maximum(squares, 0.0))


def contrastive_loss(
    similarities: Float[Array, "m n"], is_self: Bool[Array, "m n"], is_positive: Bool[Array, "m n"], temperature: float
) -> Float[Array, ""]:
    """Compute NT-Xent (Chen et al., 2020, equation 1): mean of -log softmax(similarity / temperature)[positive].

    similarities: of m anchors and n candidates, cosines in that equation. is_self: the anchor itself, excluded from the
    softmax. is_positive: one entry per row, the other view of the anchor's image. The loss is log(n - 1) for identical
    candidates.
    """
    logits = similarities / temperature
    log_total = jax.nn.logsumexp(logits, axis=1, where=~is_self)
    return jnp.mean(log_total - logits.sum(axis=1, where=is_positive))


def centre_symmetry_loss(predicted: Float[Array, "b 2"], centre: Float[Array, "b 2"]) -> Float[Array, ""]:
    """Compute L_symm of section 3.4 as in the authors' code: mean over the two components of (m - m^)^2."""
    return jnp.mean((predicted - centre) ** 2)


def orientation_symmetry_loss(
    direction: Float[Array, "b 2"], theta: Float[Array, "b"], strength: Float[Array, "b"]
) -> Float[Array, ""]:
    """Compute symmetry breaking by angle: mean of strength * |direction - (cos theta, sin theta)|^2.

    direction: the encoder's vector, not normalised. theta: the phase of c21. strength: in [0, 1], how well that phase
    is defined, so that a nearly symmetric image, whose phase is noise, has no influence.
    """
    target = jnp.stack([jnp.cos(theta), jnp.sin(theta)], axis=-1)
    return jnp.mean(strength * ((direction - target) ** 2).sum(-1))


def bernoulli_loss(logits: Float[Array, "b n c"], target: Float[Array, "b n c"]) -> Float[Array, "b"]:
    """Compute -log p(J | z) of each image for Bernoulli-distributed pixels, summed over points and channels.

    target: in [0, 1]. The likelihood of Spatial-VAE and TARGET-VAE. Their ELBO sums it over the whole image, so a value
    from n random pixels is multiplied by the number of pixels / n.
    """
    return (jax.nn.softplus(logits) - logits * target).sum((1, 2))


def normal_kl(
    mean: Float[Array, "*s"], log_std: Float[Array, "*s"], prior_mean: Float[Array, "*#s"], prior_std: float
) -> Float[Array, "*s"]:
    """Compute KL(N(mean, std^2) || N(prior_mean, prior_std^2)) of each entry."""
    log_ratio = log_std - jnp.log(prior_std)
    return -log_ratio + 0.5 * (jnp.exp(2 * log_ratio) + ((mean - prior_mean) / prior_std) ** 2 - 1)


def categorical_kl(log_probs: Float[Array, "b m"], prior_log_probs: Float[Array, "m"]) -> Float[Array, "b"]:
    """Compute KL(q || p) of distributions over m outcomes. An outcome of probability 0 adds 0 and gives no NaN."""
    probs = jnp.exp(log_probs)
    # Select before the product: 0 times the -inf of an excluded outcome would make the gradient NaN.
    log_ratio = jnp.where(probs > 0, log_probs - prior_log_probs, 0.0)
    return (probs * log_ratio).sum(-1)


def angle_error(direction: Float[Array, "b 2"], theta: Float[Array, "b"]) -> Float[Array, ""]:
    """Compute the mean absolute angle in radians between the encoder's direction and theta; a metric, not a loss."""
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    x, y = direction[..., 0], direction[..., 1]
    return jnp.mean(jnp.abs(angle_of(jnp.stack([x * cos + y * sin, y * cos - x * sin], axis=-1))))


def ramp(progress: Float[Array, ""], start: float, end: float) -> Float[Array, ""]:
    """Compute a weight's multiplier: 0 before `start`, 1 from `end`, linear between; both are shares of the run."""
    share = (progress - start) / max(end - start, 1e-6)
    return jnp.where(progress >= end, 1.0, jnp.clip(share, 0.0, 1.0))
