"""Figures of a data set and of a run, saved as PNG files."""
