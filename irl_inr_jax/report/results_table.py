"""The one table that an evaluation prints."""

from irl_inr_jax.report.table import format_table


def describe_results(results: dict) -> str:
    """Data, clustering scores, and what was measured of pose, reconstruction and invariance, as text."""
    data = results["data"]
    parts = [
        f"{data['description']}",
        f"{data['num_images']} images of the {data['split']} split, {'x'.join(map(str, data['image_shape']))}",
        "",
        format_table([_clustering_row(name, scores) for name, scores in results["clustering"].items()]),
    ]
    if not data["class_names"]:
        parts.append("no labels: accuracy, NMI and ARI are left out")
    parts += [f"{name}: {scores['skipped']}" for name, scores in results["clustering"].items() if "skipped" in scores]
    parts += ["", format_table(_measure_rows(results))]
    return "\n".join(parts)


def _clustering_row(name: str, scores: dict) -> dict[str, object]:
    on_pixels = name.startswith("pixels_")
    row = {"clusters of": "pixels" if on_pixels else "latents", "by": name.removeprefix("pixels_")}
    for key, title in (("accuracy", "accuracy"), ("nmi", "NMI"), ("ari", "ARI")):
        row[title] = f"{100 * scores[key]:.1f} %" if key in scores else None
    row["clusters"] = scores.get("num_clusters")
    row["seconds"] = f"{scores['seconds']:.1f}" if "seconds" in scores else None
    return row


def _measure_rows(results: dict) -> list[dict[str, object]]:
    rows = []
    if "neighbour_purity" in results["latents"]:
        rows.append(("20 nearest latents of the same class", f"{100 * results['latents']['neighbour_purity']:.1f} %"))
    rows.append(
        (
            "spread of one image's latents over turns and shifts / between images",
            f"{results['invariance']['ratio']:.3f}",
        )
    )
    if "pose" in results:
        pose = results["pose"]
        rows.append(("rotation: circular correlation, true and predicted", f"{pose['rotation_correlation']:.4f}"))
        rows.append(("rotation: median error", f"{pose['rotation_median_error_deg']:.2f}°"))
        if pose["translation_correlation"] is not None:
            x, y = pose["translation_correlation"]
            rows.append(("translation: correlation, x and y", f"{x:.4f}, {y:.4f}"))
    if "reconstruction" in results:
        recon = results["reconstruction"]
        rows.append(("reconstruction: mean squared error", f"{recon['mse']:.5f}"))
        rows.append(("reconstruction: PSNR", f"{recon['psnr']:.1f} dB"))
    rows.append(("seconds, all measurements", f"{results['seconds']['total']:.1f}"))
    return [{"measured": what, "value": value} for what, value in rows]
