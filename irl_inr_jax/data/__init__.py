"""Images on disk to data sets."""
