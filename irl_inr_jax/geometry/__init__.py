"""Rotations and translations of the plane: on points, on images, and the pose that an image shows by itself."""
