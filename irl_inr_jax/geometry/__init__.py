"""Rotations and translations of the plane, of points and of images, and the pose computed from an image's moments."""
