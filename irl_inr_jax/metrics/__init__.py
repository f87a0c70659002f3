"""Scores of clusters, rotation angles, reconstructions and the invariance of latents."""
