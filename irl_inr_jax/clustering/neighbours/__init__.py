"""Nearest neighbours: exact search, search under rotations, and voting."""
