"""One script a question; each prints one table. From the repository's root: python -m benchmarks.NAME --help."""
