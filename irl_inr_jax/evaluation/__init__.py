"""Evaluate a trained run: embed, cluster, score, and measure equivariance."""
