"""The report of an evaluated run: one HTML file with data, thumbnails and scripts, which opens without a server."""
