"""Scores: of clusters against classes, of angles, of reconstructions, and of the latents' indifference to pose."""
