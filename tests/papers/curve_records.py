"""Records of invented runs, for the tests of curves."""

STEPS_PER_EPOCH = 50


def results_at(step):
    """The part of results.json that curves read."""
    return {
        "clustering": {name: {"accuracy": 0.25} for name in ("kmeans", "agglomerative")} | {"scan": {"accuracy": 0.75}},
        "latents": {"neighbour_purity": 0.5},
        "pose_by_differences": {"translation_correlation": [0.9, 0.8]},
        "reconstruction": {"mse": 0.0123},
        "data": {"num_train": 100 * STEPS_PER_EPOCH, "num_images": 20, "sha256": "0123456789abcdef" * 4},
        "step": step,
    }
