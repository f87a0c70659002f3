"""Configuration keys, variants and checks."""
