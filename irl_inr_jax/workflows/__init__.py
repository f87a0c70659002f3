"""What the commands and the estimator do: choose settings, train, evaluate, fit a model."""
