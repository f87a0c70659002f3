"""Presets: one short file per data set, on top of irl_inr_jax/config."""
