"""The summary that an evaluation prints."""

from irl_inr_jax.report.text_table import format_table

SCORES = (
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced"),
    ("nmi", "NMI"),
    ("ami", "AMI"),
    ("ari", "ARI"),
)

PER_CLASS_CAPTION = (
    "purity / recall in % of each class in the clusters in which it is the most common; –: in none of them"
)


def describe_results(results: dict) -> str:
    """Return the data, clustering scores, and measurements of pose, reconstruction and invariance as text."""
    data = results["data"]
    entries = results["clustering"]
    parts = [
        f"{data['description']}",
        f"{data['num_images']} images of the {data['split']} split, {'x'.join(map(str, data['image_shape']))}",
    ]
    parts += ["", *_describe_choice(results["num_clusters"])]
    parts += [format_table(clustering_rows(entries))]
    if not data["class_names"]:
        parts.append("no labels: accuracy, NMI, AMI and ARI are left out")
    elif data["num_labelled"] < data["num_images"]:
        parts.append(f"scores are of the {data['num_labelled']} images that have a label")
    parts.append(
        f"transductive: fitted to the scored images; inductive: fitted to the {data['num_train']} training images; "
        "pixels_kmeans: k-means on pixels, a baseline"
    )
    if any("seeds" in scores for scores in entries.values()):
        parts.append("±: standard deviation over seeds; rows without ± are deterministic")
    parts += [f"{name}: {scores['skipped']}" for name, scores in entries.items() if "skipped" in scores]
    parts += [f"{name}: {note}" for name, scores in entries.items() for note in scores.get("notes", ())]
    parts += [
        f"{name}: {100 * scores['neighbour_purity']:.1f} % of its neighbours have the same class"
        for name, scores in entries.items()
        if "neighbour_purity" in scores
    ]
    if is_uneven(entries):
        parts += ["", PER_CLASS_CAPTION, format_table(_class_rows(entries))]
    parts += ["", format_table(_measure_rows(results))]
    if "verdict" in results:
        parts += ["", "verdict", *(f"  {_mark(finding)} {finding['text']}" for finding in results["verdict"])]
    return "\n".join(parts)


def is_uneven(entries: dict[str, dict]) -> bool:
    """Return True if one class has more than half of the scored images, so that the accuracy says little."""
    confusions = [scores["confusion"] for scores in entries.values() if "confusion" in scores]
    sizes = [sum(row) for row in confusions[0]] if confusions else [0]
    return 2 * max(sizes) > sum(sizes)


def _mark(finding: dict) -> str:
    return {True: "+", False: "!", None: "·"}[finding["good"]]


def _class_rows(entries: dict[str, dict]) -> list[dict[str, object]]:
    """Return a row per class with its number of images, and a cell per clusterer."""
    rows: dict[str, dict[str, object]] = {}
    for clusterer, scores in entries.items():
        for number, (name, recall) in enumerate(scores.get("per_class_recall", {}).items()):
            row = rows.setdefault(name, {"class": name, "images": sum(scores["confusion"][number])})
            purity = scores["per_class_purity"][name]
            if recall is not None and purity is not None:
                row[clusterer] = f"{100 * purity:.0f} / {100 * recall:.0f}"
    return list(rows.values())


def _describe_choice(choice: dict) -> list[str]:
    """Return the reason for the number of clusters, followed by a blank line; nothing if it was requested or known."""
    is_guess, used = choice.get("source") == "guess", choice["used"]
    used_words = f"{used} is a guess; set it with --num-clusters K" if is_guess else f"{used} are used below"
    if "reason" not in choice:
        words = "there are no labels and none was requested; choose it from the images with --num-clusters auto"
        return (
            [f"number of clusters: {used} is a guess: {words} or set it with --num-clusters K", ""] if is_guess else []
        )
    if choice["recommended"] is not None:
        return [f"number of clusters: {choice['reason']}", ""]
    return [f"number of clusters: {choice['reason']}; {used_words}", ""]


def clustering_rows(entries: dict[str, dict]) -> list[dict[str, object]]:
    """Return a row per clusterer, without the columns that need labels if there are none."""
    has_scores = any("accuracy" in scores for scores in entries.values())
    return [_clustering_row(name, scores, has_scores=has_scores) for name, scores in entries.items()]


def _clustering_row(name: str, scores: dict, *, has_scores: bool) -> dict[str, object]:
    row: dict[str, object] = {"clusterer": name}
    if "transductive" in scores:
        row["learning"] = "transductive" if scores["transductive"] else "inductive"
    for key, title in SCORES:
        if has_scores:
            row[title] = _percent(key, scores) if key in scores else None
    row["clusters"] = scores.get("num_clusters")
    if scores.get("noise_share"):
        row["clusters"] = f"{scores['num_clusters']} + {100 * scores['noise_share']:.0f} % noise"
    row["seconds"] = f"{scores['seconds']:.1f}" if "seconds" in scores else None
    return row


def _percent(key: str, scores: dict) -> str:
    if "seeds" in scores:
        statistics = scores["seeds"][key]
        return f"{100 * statistics['mean']:.1f} ± {100 * statistics['std']:.1f} %"
    return f"{100 * scores[key]:.1f} %"


def _measure_rows(results: dict) -> list[dict[str, object]]:
    rows = []
    if "neighbour_purity" in results["latents"]:
        purity = results["latents"]["neighbour_purity"]
        rows.append(("same class among the 20 nearest latents", f"{100 * purity:.1f} %"))
    if "invariance" in results:
        ratio = results["invariance"]["ratio"]
        rows.append(("latent spread over rotations and translations, relative to between images", f"{ratio:.3f}"))
    if "pose" in results:
        pose = results["pose"]
        correlation = pose["rotation_correlation"]
        rows.append(("rotation: circular correlation of true and predicted angle", f"{correlation:.4f}"))
        rows.append(("rotation: median error", f"{pose['rotation_median_error_deg']:.2f}°"))
        if pose["translation_correlation"] is not None:
            x, y = pose["translation_correlation"]
            rows.append(("translation: correlation in x, y", f"{x:.4f}, {y:.4f}"))
    if "pose_within_classes" in results:
        error = results["pose_within_classes"]["rotation_median_error_deg"]
        rows.append(("rotation: median error with one canonical orientation per class", f"{error:.1f}°"))
    if "reconstruction" in results:
        recon = results["reconstruction"]
        rows.append(("reconstruction: mean squared error", f"{recon['mse']:.5f}"))
        rows.append(("reconstruction: PSNR", f"{recon['psnr']:.1f} dB"))
    rows.append(("seconds, all measurements", f"{results['seconds']['total']:.1f}"))
    return [{"measurement": name, "value": value} for name, value in rows]
