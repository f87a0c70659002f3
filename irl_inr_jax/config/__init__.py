"""Keys of a configuration, their valid values, variants, and storage in a workdir."""
