"""One script per question; each prints one table. Call from the repository's root: python -m benchmarks.NAME --help."""
