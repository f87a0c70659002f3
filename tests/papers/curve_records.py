"""Records of invented runs, for the tests of curves."""

from papers.curves import CURVES

STEPS_PER_EPOCH = 50
SHIFTS = ([0.5, 0.25], [0.75, 0.5], [0.875, 0.625])  # of x and y, for each of three points


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


def record_of(name, **values):
    """A record with three points; values: name → values of the three points."""
    points = [
        {
            "step": step,
            "epoch": step / 50,
            "seconds": 60.0 * step,
            "values": {key: each[number] for key, each in values.items()},
            "images": [60000, 2000],
            "data_sha256": "0123456789abcdef" * 4,
        }
        for number, step in enumerate((100, 1000, 12_000))
    ]
    facts = {"curve": name, "title": CURVES[name].title, "scale": "long", "seed": 0, "set": [], "num_epochs": 100}
    return {**facts, "settings": ["num_test=2000"], "differs": ["smaller networks"], "points": points, "final": None}
