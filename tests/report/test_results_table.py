"""The summary that an evaluation prints."""

from irl_inr_jax.report.results_table import describe_results

SCORES = {"accuracy": 0.912, "balanced_accuracy": 0.9, "nmi": 0.8, "ami": 0.79, "ari": 0.75}
RESULTS = {
    "data": {
        "description": "Digits",
        "num_images": 64,
        "num_labelled": 60,
        "num_train": 256,
        "split": "test",
        "image_shape": [16, 16, 1],
        "class_names": ["six", "nine"],
    },
    "num_clusters": {"used": 2},
    "clustering": {
        "kmeans": {
            **SCORES,
            "transductive": True,
            "num_clusters": 2,
            "seconds": 1.25,
            "seeds": {key: {"mean": value, "std": 0.01} for key, value in SCORES.items()},
        },
        "dbscan": {**SCORES, "transductive": False, "num_clusters": 3, "noise_share": 0.125, "seconds": 0.5},
        "scan": {"skipped": "expected images in memory"},
    },
    "latents": {"neighbour_purity": 0.95},
    "invariance": {"ratio": 0.0625},
    "pose": {
        "rotation_correlation": 0.9987,
        "rotation_median_error_deg": 1.5,
        "translation_correlation": [0.5, 0.25],
    },
    "pose_within_classes": {"rotation_median_error_deg": 3.25},
    "reconstruction": {"mse": 0.0123, "psnr": 19.1},
    "seconds": {"total": 2.5},
}


def row_of(text, name):
    [line] = [line for line in text.splitlines() if line.startswith(name + "  ")]
    return line.removeprefix(name).split()


def test_the_summary_has_a_row_per_clusterer_and_per_measurement():
    text = describe_results(RESULTS)
    assert text.startswith("Digits\n64 images of the test split, 16x16x1\n")
    assert row_of(text, "kmeans")[:4] == ["transductive", "91.2", "±", "1.0"]
    dbscan = "inductive 91.2 % 90.0 % 80.0 % 79.0 % 75.0 % 3 + 12 % noise 0.5"
    assert " ".join(row_of(text, "dbscan")) == dbscan
    assert "scan: expected images in memory" in text and "scores are of the 60 images that have a label" in text
    assert "rows without ± are deterministic" in text and "fitted to the 256 training images" in text
    for name, value in (
        ("same class among the 20 nearest latents", "95.0 %"),
        ("latent spread over rotations and translations, relative to between images", "0.062"),
        ("rotation: circular correlation of true and predicted angle", "0.9987"),
        ("rotation: median error", "1.50°"),
        ("translation: correlation in x, y", "0.5000, 0.2500"),
        ("rotation: median error with one canonical orientation per class", "3.2°"),
        ("reconstruction: mean squared error", "0.01230"),
        ("reconstruction: PSNR", "19.1 dB"),
        ("seconds, all measurements", "2.5"),
    ):
        assert row_of(text, name) == value.split()


def test_without_labels_scores_are_absent_and_the_choice_of_clusters_is_explained():
    data = {**RESULTS["data"], "class_names": []}
    choice = {"reason": "no k stands out", "recommended": None, "used": 4}
    clustering = {"kmeans": {"transductive": True, "num_clusters": 4, "seconds": 1.0}}
    text = describe_results({**RESULTS, "data": data, "num_clusters": choice, "clustering": clustering})
    assert "number of clusters: no k stands out; 4 are used below" in text
    assert "no labels: accuracy, NMI, AMI and ARI are left out" in text and row_of(text, "kmeans") == [
        "transductive",
        "4",
        "1.0",
    ]
    assert "NMI" not in text.replace("no labels: accuracy, NMI", "")
    recommended = {**choice, "recommended": 4, "reason": "4 clusters"}
    assert "number of clusters: 4 clusters\n" in describe_results({**RESULTS, "num_clusters": recommended})


def test_a_guessed_number_of_clusters_is_said_to_be_a_guess():
    guess = {**RESULTS, "num_clusters": {"used": 10, "source": "guess"}}
    assert "number of clusters: 10 is a guess: there are no labels" in describe_results(guess)
    assert "--num-clusters auto" in describe_results(guess)
    after_a_choice = {"used": 10, "source": "guess", "recommended": None, "reason": "no clear number"}
    text = describe_results({**RESULTS, "num_clusters": after_a_choice})
    assert "no clear number; 10 is a guess; set it with --num-clusters K" in text
    for source in ("classes", "requested", "configured"):
        assert "guess" not in describe_results({**RESULTS, "num_clusters": {"used": 2, "source": source}})


def test_the_verdict_follows_the_table_with_a_mark_for_each_finding():
    findings = [("converged", False, "not converged"), ("k", True, "stable"), ("other", None, "not compared")]
    verdict = [dict(zip(("name", "good", "text"), finding, strict=True)) for finding in findings]
    text = describe_results({**RESULTS, "verdict": verdict})
    assert text.endswith("\nverdict\n  ! not converged\n  + stable\n  · not compared")
    assert "verdict" not in describe_results(RESULTS)


def test_notes_and_the_purity_of_neighbours_follow_the_table():
    scan = {"transductive": False, "num_clusters": 2, "notes": ["collapsed"], "neighbour_purity": 0.625}
    text = describe_results({**RESULTS, "clustering": {"scan": scan}})
    assert "\nscan: collapsed\n" in text and "scan: 62.5 % of its neighbours have the same class" in text


def test_purity_and_recall_of_each_class_are_shown_if_one_has_more_than_half_of_the_images():
    scores = {
        "confusion": [[40, 0], [20, 0]],
        "per_class_purity": {"six": 0.667, "nine": None},
        "per_class_recall": {"six": 1.0, "nine": 0.0},
    }
    clusterings = {name: entry | scores for name, entry in RESULTS["clustering"].items() if "skipped" not in entry}
    text = describe_results({**RESULTS, "clustering": clusterings})
    assert " ".join(row_of(text, "six")) == "40 67 / 100 67 / 100" and " ".join(row_of(text, "nine")) == "20 – –"
    scores["confusion"] = [[30, 0], [0, 30]]
    even = {name: entry | scores for name, entry in clusterings.items()}
    assert "purity / recall" not in describe_results({**RESULTS, "clustering": even})
