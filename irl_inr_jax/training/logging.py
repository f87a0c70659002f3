"""Metrics of a run in metrics.jsonl and TensorBoard."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

from irl_inr_jax.config.checked_files import CHECKSUM, write_in_one_step
from irl_inr_jax.training.event_file import EventFile
from irl_inr_jax.types import InputError


class MetricsLog:
    """Append scalars to DIR/metrics.jsonl and DIR/tensorboard, after lines of steps after `start_step` are dropped.

    Such lines remain from a run that was killed after its last checkpoint; the steps will be taken again.
    Raises InputError as `read_metrics`.
    """

    def __init__(self, workdir: Path, *, start_step: int):
        self.path = workdir / "metrics.jsonl"
        if self.path.exists():
            kept = [scalars for scalars in read_metrics(workdir) if scalars["step"] <= start_step]
            write_in_one_step(self.path, "".join(f"{format_line(scalars)}\n" for scalars in kept))
        self.tensorboard = EventFile(workdir / "tensorboard", purge_step=start_step + 1)

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Write one line {"step": ..., name: value, ...} and one TensorBoard point per scalar."""
        with self.path.open("a") as file:
            file.write(format_line({"step": step, **scalars}) + "\n")
        self.tensorboard.add_scalars(step, scalars)

    def write_image(self, step: int, name: str, path: Path) -> None:
        """Add a PNG file to TensorBoard."""
        self.tensorboard.add_image(step, name, path)

    def close(self) -> None:
        """Close the TensorBoard file."""
        self.tensorboard.close()


def read_metrics(workdir: Path) -> list[dict]:
    """Return the lines of DIR/metrics.jsonl, or none without the file.

    A last line without its end, which a kill may leave, is left out. Raises InputError for a damaged line.
    """
    path = workdir / "metrics.jsonl"
    if not path.exists():
        return []
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    metrics = [_parse_line(line) for line in lines]
    if None in metrics:
        raise InputError(
            f"expected {path} as training wrote it, found line {metrics.index(None) + 1} damaged; restore the file, or "
            f"delete that line to go on without it"
        )
    return [scalars for scalars in metrics if scalars is not None]


def format_line(scalars: Mapping[str, int | float]) -> str:
    """Return scalars as JSON with their CRC-32."""
    text = json.dumps(scalars)
    return f'{text[:-1]}, "{CHECKSUM}": {zlib.crc32(text.encode())}}}'


def _parse_line(line: str) -> dict | None:
    """Return the scalars of `format_line`, or of an earlier version without a CRC-32; None for a damaged line."""
    try:
        scalars = json.loads(line)
        is_intact = isinstance(scalars["step"], int) and all(isinstance(x, int | float) for x in scalars.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    has_changed = CHECKSUM in scalars and scalars.pop(CHECKSUM) != zlib.crc32(json.dumps(scalars).encode())
    return scalars if is_intact and not has_changed else None


def read_metric(workdir: Path, name: str, *, until: int) -> list[float]:
    """Return the values of one metric in metrics.jsonl, in order, at the steps up to `until`."""
    return [scalars[name] for scalars in read_metrics(workdir) if name in scalars and scalars["step"] <= until]
