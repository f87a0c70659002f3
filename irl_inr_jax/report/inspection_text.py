"""The findings of `inspect` as text."""

from irl_inr_jax.report.text_table import format_table
from irl_inr_jax.training.progress import format_seconds


def describe_inspection(facts: dict) -> str:
    """Return counts, pixel values, classes, orientation and advice as lines of text.

    facts: as collected by `irl-inr inspect`.
    """
    height, width, channels = facts["shape"]
    storage = "streamed from disk" if facts["streamed"] else "in memory"
    lines = [
        facts["description"],
        f"images: {facts['num_train']:,} for training, {facts['num_test']:,} for testing; {height}x{width}, "
        f"{channels} channel{'s' * (channels > 1)} of {facts['type']}; {facts['megabytes']:.1f} MB {storage}",
        *facts["notes"],
        "values: " + ", ".join(f"{value:g} ({_name(q)})" for q, value in facts["percentiles"].items()),
        f"ids: {', '.join(facts['first_ids'])} …",
    ]
    if facts["columns"]:
        lines.append(f"columns: {', '.join(facts['columns'])}")
    if facts["skipped"]:
        lines.append(f"skipped, since they could not be read: {len(facts['skipped'])}")
        lines += [f"  {line}" for line in facts["skipped"][:10]]
    if facts["classes"]:
        splits = facts["classes"]
        names = splits["train"]
        rows = [{"class": name, **{split: counts[name] for split, counts in splits.items()}} for name in names]
        lines += ["", format_table(rows)]
        if facts["num_unlabelled"]:
            lines.append(f"without a label: {facts['num_unlabelled']:,} of the training images")
    else:
        lines.append("no labels; they are optional and used only for scores")
    orientation = facts["orientation"]
    undefined, strength = 100 * orientation["undefined_share"], orientation["median_strength"]
    lines += [
        "",
        "orientation: known rotations are estimated with a median error of "
        f"{orientation['median_error_deg']:.2g} degrees; undefined in {undefined:.0f} % of the images "
        f"(median |c21| {strength:.3f})",
    ]
    if facts["advice"]:
        lines += ["", "advice", *(f"  {line}" for line in facts["advice"])]
    return "\n".join(lines)


def describe_cost(cost: dict, batch_size: int, duration: str) -> str:
    """Return the estimated cost of training as text; `duration` is its time in words."""
    memory = cost["data_mb"] + cost["state_mb"] + cost["working_mb"]
    return (
        f"estimated cost of training: {cost['num_steps']:,} steps of {batch_size} images, about {duration} on this "
        f"machine's {cost['device']} ({cost['images_per_second']:.0f} images/s), about {memory:,.0f} MB "
        f"(images {cost['data_mb']:,.0f}, parameters and optimizer {cost['state_mb']:,.0f}, "
        f"one step {cost['working_mb']:,.0f})"
    )


def describe_search(seconds: float) -> str:
    """Return a line on the time of the search for neighbours before training; nothing if there is none."""
    return (
        f"before training: about {format_seconds(seconds)} to search for the neighbours of the images\n"
        if seconds
        else ""
    )


def _name(percentile: int) -> str:
    return {0: "minimum", 50: "median", 100: "maximum"}.get(percentile, f"{percentile} %")
