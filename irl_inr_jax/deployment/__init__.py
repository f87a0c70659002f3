"""A saved model, and what is done with it: read new images, encode them, predict their clusters."""
