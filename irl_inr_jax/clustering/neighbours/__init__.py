"""Nearest neighbours: exact, and under rotations."""
