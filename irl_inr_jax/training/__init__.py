"""From a run's configuration to a trained state."""
