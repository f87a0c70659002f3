"""Modules that a forked command uses; none of them starts a backend of JAX."""

import orbax.checkpoint
import tensorboardX

import irl_inr_jax.commands.main
import irl_inr_jax.workflows.evaluate_run
import irl_inr_jax.workflows.train_run

__all__ = ["irl_inr_jax", "orbax", "tensorboardX"]
