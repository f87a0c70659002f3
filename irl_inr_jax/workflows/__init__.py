"""Steps that the commands and the estimator share: choose settings, train, evaluate, fit a model."""
