"""From a trained run to a record of scores."""
