"""The tables as Markdown, and the pages that show all of them."""

from collections.abc import Iterable
from pathlib import Path

from irl_inr_jax.training.progress import format_seconds
from irl_inr_jax.types import InputError
from papers.collection import collect_all

EMPTY = ""
DETAILS_LINK = "docs/results/tables.md"  # from RESULTS.md
ONLY_DETAILS = ("table4", "table6", "table7")  # sizes of z and augmentations


def format_ours(entry: dict) -> str:
    """Return our value such as '59.6 ± 1.1' or '0.999, 0.999'; the empty string if it was not measured."""
    if entry["mean"] is None:
        return EMPTY
    factor, digits = (100, 1) if entry["percent"] else (1, 4)
    numbers = [f"{factor * mean:.{digits}f}" for mean in entry["mean"]]
    if entry["std"] is not None:
        numbers = [f"{text} ± {factor * std:.{digits}f}" for text, std in zip(numbers, entry["std"], strict=True)]
    return ", ".join(numbers)


def format_markdown(record: dict) -> str:
    """Return the table of published and our values, followed by a description of the runs."""
    lines = _format_table(record, record["rows"])
    return "\n".join(
        [
            f"## {record['title']} ({record['source']}), scale {record['scale']}",
            "",
            *lines,
            "",
            *record["notes"],
            "",
            *_describe_runs(record),
        ]
    )


def _format_table(record: dict, rows: list[str]) -> list[str]:
    """Return the lines of the table of published and our values with these rows."""
    by_place = {(entry["row"], entry["column"]): entry for entry in record["cells"]}
    header = ["", *(f"{column}: {origin}" for column in record["columns"] for origin in ("published", "ours"))]
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        cells = [by_place.get((row, column)) for column in record["columns"]]
        pairs = [("", EMPTY) if entry is None else (entry["published"], format_ours(entry)) for entry in cells]
        lines.append(_line([row, *(text for pair in pairs for text in pair)]))
    return lines


def _describe_runs(record: dict) -> list[str]:
    """Return one line per run: seeds, cost, device, data, and differences from the publication."""
    finished: dict[str, list[dict]] = {}
    for entry in record["cells"]:
        if entry["values"]:
            finished.setdefault(entry["run"], []).append(entry)
    if not finished:
        return ["No runs at this scale.", ""]
    lines = ["Runs:", ""]
    for name, entries in finished.items():
        entry = entries[-1]
        num_train, num_test = entry["images"]
        steps = f"{entry['step']} steps" if entry["step"] else "no steps"
        checksums = _join(text[:12] for text in _by_seed(entries, "data_sha256").values())
        facts = [
            f"seeds {', '.join(map(str, _by_seed(entries, 'seeds')))}",
            f"{num_train} + {num_test} images (test sha256 {checksums})",
            f"{steps} in {_format_range(list(_by_seed(entries, 'train_seconds').values()))}",
            f"evaluation {_format_range(sum_evaluations(entries))}",
            _join(_by_seed(entries, "devices").values()),
        ]
        differs = "; ".join(entry["differs"]) or "none"
        lines.append(f"- `{name}`: {', '.join(facts)}. Differences from the publication: {differs}.")
    return [*lines, ""]


def _join(texts: Iterable[str]) -> str:
    """Return the different texts joined by 'and'."""
    return " and ".join(dict.fromkeys(texts))


def _format_range(seconds: list[float]) -> str:
    """Return the shortest and the longest time as text."""
    return " to ".join(dict.fromkeys(format_seconds(each) for each in (min(seconds), max(seconds))))


def _by_seed(entries: list[dict], key: str) -> dict:
    """Return {seed: value} of a list in the cells of a run, whose seeds may differ while some are still measured."""
    found = {seed: value for entry in entries for seed, value in zip(entry["seeds"], entry[key], strict=True)}
    return dict(sorted(found.items()))


def sum_evaluations(entries: list[dict]) -> list[float]:
    """Return the seconds of all evaluations of a run that its cells show, for each seed."""
    seconds: dict[int, dict[str, float]] = {}
    for entry in entries:
        for seed, each in zip(entry["seeds"], entry["evaluate_seconds"], strict=True):
            seconds.setdefault(seed, {})[entry["evaluation"]] = each
    return [sum(evaluations.values()) for evaluations in seconds.values()]


def format_details(records: list[dict]) -> str:
    """Return the page of all tables, with their runs."""
    return "\n".join([DETAILS, *map(format_markdown, records)]).rstrip() + "\n"


def format_summary(records: list[dict]) -> str:
    """Return the tables of which more than half of the cells have a value, without empty rows and without runs.

    Tables that vary a setting of one method, `ONLY_DETAILS`, are only named.
    """
    parts, left_out, further = [], [], []
    for record in records:
        entries = record["cells"]
        is_empty = 2 * sum(bool(entry["values"]) for entry in entries) <= len(entries)
        if is_empty or record["table"] in ONLY_DETAILS:
            (left_out if is_empty else further).append(f"{record['title']} ({record['table']}, {record['scale']})")
            continue
        rows = [row for row in record["rows"] if any(entry["values"] for entry in entries if entry["row"] == row)]
        parts += [
            f"### {record['title']}, scale {record['scale']}, {describe_seeds(entries)}",
            "",
            *_format_table(record, rows),
            "",
            f"*{record['source'][0].upper()}{record['source'][1:]}*",
            "",
        ]
    if further:
        parts += [f"Only in [all tables]({DETAILS_LINK}): {'; '.join(further)}.", ""]
    if left_out:
        parts.append(f"Mostly without values, and only in [all tables]({DETAILS_LINK}): {'; '.join(left_out)}.")
    return "\n".join(parts).rstrip() + "\n"


def describe_seeds(entries: list[dict]) -> str:
    """Return the number of seeds of the cells with values, such as '1 seed' or '1 to 3 seeds'."""
    counts = [len(entry["seeds"]) for entry in entries if entry["values"]]
    fewest, most = min(counts), max(counts)
    return f"{fewest} to {most} seeds" if fewest < most else f"{most} seed{'s' if most > 1 else ''}"


def update_results(path: Path, details: Path, workdir: Path) -> None:
    """Write all tables to `details`, and their summary between the lines `BEGIN` and `END` of `path`.

    Raises InputError for a file without these lines, and before anything is written if no run has a value.
    """
    before, begin, rest = path.read_text().partition(BEGIN) if path.is_file() else ("", "", "")
    _, end, after = rest.partition(END)
    if not end:
        raise InputError(f"expected a file with the lines {BEGIN!r} and {END!r}, found none of them in {path}")
    records = collect_all(workdir)
    if not any(entry["values"] for record in records for entry in record["cells"]):
        raise InputError(f"expected finished runs in {workdir}, found none; --workdir names the folder of the runs")
    details.parent.mkdir(parents=True, exist_ok=True)
    details.write_text(format_details(records))
    path.write_text(f"{before}{begin}\n\n{format_summary(records)}\n{end}{after}")


# Between these lines of RESULTS.md is the summary of the papers' tables.
BEGIN = "<!-- `python -m papers results` writes what is below. -->"
END = "<!-- `python -m papers results` writes what is above. -->"
DETAILS = """# The papers' tables

Published values next to values measured with this repository: accuracy in %, with clusters matched one to one to
classes; mean ± standard deviation over training seeds where there are several. `python -m papers TABLE --root DIR`
runs or continues a table, and `python -m papers results` writes this page; empty cells have not been run. At scale
`quick` every system is trained on fewer images (all wafers), for fewer steps and with the same optimizer, most with
smaller networks than published: it compares systems under one small budget and does not reproduce the publications
([what it shows](quick_scale.md)). Scale `long` has smaller networks and is as published otherwise; scale `paper` is the
published setting.
"""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
