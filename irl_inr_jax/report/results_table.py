"""The one table that an evaluation prints."""

from irl_inr_jax.report.text_table import format_table

SCORES = (
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced"),
    ("nmi", "NMI"),
    ("ami", "AMI"),
    ("ari", "ARI"),
)


def describe_results(results: dict) -> str:
    """Data, clustering scores, and what was measured of pose, reconstruction and invariance, as text."""
    data = results["data"]
    entries = results["clustering"]
    parts = [
        f"{data['description']}",
        f"{data['num_images']} images of the {data['split']} split, {'x'.join(map(str, data['image_shape']))}",
    ]
    if "reason" in results["num_clusters"]:
        parts += ["", _describe_choice(results["num_clusters"])]
    parts += ["", format_table([_clustering_row(name, scores) for name, scores in entries.items()])]
    if not data["class_names"]:
        parts.append("no labels: accuracy, NMI, AMI and ARI are left out")
    elif data["num_labelled"] < data["num_images"]:
        parts.append(f"scores are of the {data['num_labelled']} images that have a label")
    parts.append(
        f"transductive: learnt from the images it is scored on; inductive: from the {data['num_train']} training "
        "images; pixels_kmeans: k-means of the bare pixels"
    )
    if any("seeds" in scores for scores in entries.values()):
        parts.append("± is the standard deviation over seeds; a row without it has no chance in it")
    parts += [f"{name}: {scores['skipped']}" for name, scores in entries.items() if "skipped" in scores]
    parts += [f"{name}: {note}" for name, scores in entries.items() for note in scores.get("notes", ())]
    parts += [
        f"{name}: {100 * scores['neighbour_purity']:.1f} % of the neighbours it was given are of the same class"
        for name, scores in entries.items()
        if "neighbour_purity" in scores
    ]
    parts += ["", format_table(_measure_rows(results))]
    return "\n".join(parts)


def _describe_choice(choice: dict) -> str:
    if choice["recommended"] is not None:
        return f"number of clusters: {choice['reason']}"
    return f"number of clusters: {choice['reason']}; {choice['used']} are made below"


def _clustering_row(name: str, scores: dict) -> dict[str, object]:
    row = {"clusterer": name}
    if "transductive" in scores:
        row["learning"] = "transductive" if scores["transductive"] else "inductive"
    for key, title in SCORES:
        row[title] = _percent(key, scores) if key in scores else None
    row["clusters"] = scores.get("num_clusters")
    if scores.get("noise_share"):
        row["clusters"] = f"{scores['num_clusters']} + {100 * scores['noise_share']:.0f} % noise"
    row["seconds"] = f"{scores['seconds']:.1f}" if "seconds" in scores else None
    row["MB"] = f"{scores['peak_mb']:.0f}" if "peak_mb" in scores else None
    return row


def _percent(key: str, scores: dict) -> str:
    if "seeds" in scores:
        over = scores["seeds"][key]
        return f"{100 * over['mean']:.1f} ± {100 * over['std']:.1f} %"
    return f"{100 * scores[key]:.1f} %"


def _measure_rows(results: dict) -> list[dict[str, object]]:
    rows = []
    if "neighbour_purity" in results["latents"]:
        rows.append(("20 nearest latents of the same class", f"{100 * results['latents']['neighbour_purity']:.1f} %"))
    if "invariance" in results:
        ratio = results["invariance"]["ratio"]
        rows.append(("spread of one image's latents over turns and shifts / between images", f"{ratio:.3f}"))
    if "pose" in results:
        pose = results["pose"]
        rows.append(("rotation: circular correlation, true and predicted", f"{pose['rotation_correlation']:.4f}"))
        rows.append(("rotation: median error", f"{pose['rotation_median_error_deg']:.2f}°"))
        if pose["translation_correlation"] is not None:
            x, y = pose["translation_correlation"]
            rows.append(("translation: correlation, x and y", f"{x:.4f}, {y:.4f}"))
    if "pose_within_classes" in results:
        error = results["pose_within_classes"]["rotation_median_error_deg"]
        rows.append(("rotation: median error between images, one upright a class", f"{error:.1f}°"))
    if "reconstruction" in results:
        recon = results["reconstruction"]
        rows.append(("reconstruction: mean squared error", f"{recon['mse']:.5f}"))
        rows.append(("reconstruction: PSNR", f"{recon['psnr']:.1f} dB"))
    rows.append(("seconds, all measurements", f"{results['seconds']['total']:.1f}"))
    return [{"measured": what, "value": value} for what, value in rows]
