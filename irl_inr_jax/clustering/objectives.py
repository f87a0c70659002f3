"""Losses of the clusterers that train, one function per equation.

Probabilities are softmax outputs (b, k) of logits. All losses are functions of the whole batch; under `jit` with a
sharded batch they are those of the global batch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

_TINY = 1e-8


def agreement_loss(logits: Float[Array, "b k"], neighbour_logits: Float[Array, "b k"]) -> Float[Array, ""]:
    """Compute SCAN's first term (van Gansbeke et al. 2020, eq. 2): -mean log <p(X), p(N_X)>.

    It is computed from logits, so that confident pairs which disagree, whose product underflows, keep their gradient.
    """
    log_products = jax.nn.log_softmax(logits) + jax.nn.log_softmax(neighbour_logits)
    return -jnp.mean(jax.nn.logsumexp(log_products, axis=-1))


def size_loss(probs: Float[Array, "b k"], prior: Float[Array, "k"]) -> Float[Array, ""]:
    """Compute KL(p~ || prior) of the mean probabilities p~, with clusters and prior both sorted by size.

    For a uniform prior it is SCAN's entropy term, sum p~ log p~, plus log k. Sizes are sorted because the data
    determine which cluster is large.
    """
    sizes, shares = jnp.sort(probs.mean(0)), jnp.sort(prior)
    return (sizes * (jnp.log(sizes + _TINY) - jnp.log(shares))).sum()


def selflabel_loss(
    logits: Float[Array, "b k"], labels: Int[Array, "b"], confident: Bool[Array, "b"]
) -> Float[Array, ""]:
    """Compute the class-balanced cross-entropy of the confident images (SCAN, section 2.3).

    It is the mean over their clusters of the cluster's mean -log p; 0 if no image is confident.
    """
    losses = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]
    members = jax.nn.one_hot(labels, logits.shape[1]) * confident[:, None].astype(jnp.float32)
    counts = members.sum(0)
    means = (members * losses[:, None]).sum(0) / jnp.maximum(counts, 1.0)
    return means.sum() / jnp.maximum((counts > 0).sum().astype(jnp.float32), 1.0)


def soft_assignment(latents: Float[Array, "b d"], means: Float[Array, "k d"], alpha: float) -> Float[Array, "b k"]:
    """Compute q_ij of DEC (thesis, Definition 2.7): Student's t kernel, alpha degrees of freedom, about each mean."""
    squares = ((latents[:, None] - means) ** 2).sum(-1)
    return jax.nn.softmax(-(alpha + 1) / 2 * jnp.log1p(squares / alpha))


def target_distribution(assignment: Float[Array, "n k"]) -> Float[Array, "n k"]:
    """Compute p_ij of DEC (thesis, Definition 2.8): q^2 / f with f_j = sum_i q_ij, normalised over clusters."""
    weights = assignment**2 / jnp.maximum(assignment.sum(0), _TINY)
    return weights / weights.sum(1, keepdims=True)


def target_loss(targets: Float[Array, "b k"], assignment: Float[Array, "b k"]) -> Float[Array, ""]:
    """Compute KL(P || Q) of DEC, mean over images (thesis, section 2.2.1)."""
    return jnp.mean((targets * (jnp.log(targets + _TINY) - jnp.log(assignment + _TINY))).sum(-1))


def mutual_information_loss(probs: Float[Array, "b k"], other_probs: Float[Array, "b k"]) -> Float[Array, ""]:
    """Compute -I(z, z') of IIC (thesis, section 2.2.2) from the joint P = mean p(x) p(x')^T, symmetrised."""
    joint = jnp.matmul(probs.T, other_probs, precision=jax.lax.Precision.HIGHEST) / len(probs)
    joint = jnp.maximum((joint + joint.T) / 2, _TINY)
    rows, columns = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
    return -(joint * (jnp.log(joint) - jnp.log(rows) - jnp.log(columns))).sum()
