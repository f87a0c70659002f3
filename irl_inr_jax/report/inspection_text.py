"""What `inspect` found, as lines that people read."""

from irl_inr_jax.report.text_table import format_table


def describe_inspection(facts: dict) -> str:
    """Counts, pixels, classes, orientation and advice, of what `inspection.describe_*` gives."""
    height, width, channels = facts["shape"]
    where = "streamed from disk" if facts["streamed"] else "in memory"
    lines = [
        facts["description"],
        f"images: {facts['num_train']:,} for training, {facts['num_test']:,} for testing; {height}x{width}, "
        f"{channels} channel{'s' * (channels > 1)} of {facts['type']}; {facts['megabytes']:.1f} MB {where}",
        *facts["notes"],
        "values: " + ", ".join(f"{value:g} ({_name(q)})" for q, value in facts["percentiles"].items()),
        f"ids: {', '.join(facts['first_ids'])} …",
    ]
    if facts["columns"]:
        lines.append(f"columns: {', '.join(facts['columns'])}")
    if facts["skipped"]:
        lines.append(f"could not be read and left out: {len(facts['skipped'])}")
        lines += [f"  {line}" for line in facts["skipped"][:10]]
    if facts["classes"]:
        splits = facts["classes"]
        names = splits["train"]
        rows = [{"class": name, **{split: counts[name] for split, counts in splits.items()}} for name in names]
        lines += ["", format_table(rows)]
        if facts["num_unlabelled"]:
            lines.append(f"without a label: {facts['num_unlabelled']:,} of the training images")
    else:
        lines.append("no labels, which is fine: they would be used for scoring alone")
    orientation = facts["orientation"]
    lines += [
        "",
        f"orientation: a known turn is found again with a median error of {orientation['median_error_deg']:.2g} degrees"
        f"; lost in {100 * orientation['undefined_share']:.0f} % of the images "
        f"(median |c21| {orientation['median_strength']:.3f})",
    ]
    lines += [f"look: {line}" for line in facts["advice"]]
    return "\n".join(lines)


def describe_cost(cost: dict, batch_size: int, time_left: str) -> str:
    """The estimate of a run; `time_left` is its duration in words."""
    memory = cost["data_mb"] + cost["state_mb"] + cost["working_mb"]
    return (
        f"a run: {cost['num_steps']:,} steps of {batch_size} images, about {time_left} on this machine's "
        f"{cost['device']} ({cost['images_per_second']:.0f} images/s), about {memory:,.0f} MB "
        f"(images {cost['data_mb']:,.0f}, parameters and optimiser {cost['state_mb']:,.0f}, "
        f"a step {cost['working_mb']:,.0f})"
    )


def _name(percentile: int) -> str:
    return {0: "least", 50: "median", 100: "greatest"}.get(percentile, f"{percentile} %")
