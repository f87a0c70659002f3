"""The time of a training step by part: the operations of a profile, summed by module and named scope."""

import collections
import re
from collections.abc import Iterator
from pathlib import Path

from jax.profiler import ProfileData

# Substring of an operation's path through modules and named scopes → part of the step.
PARTS = {
    "Conv_": "encoder: convolutions",
    "BatchNorm_": "encoder: batch norm",
    "Encoder": "encoder: the rest",
    "HyperNetwork": "hypernetwork",
    "inr": "INR",
    "pose": "pose",
    "views": "views",
    "optimizer": "optimizer",
}
CONTAINERS = ("while", "call", "conditional")  # their time is that of the operations inside
UNNAMED = "others"
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = .*?(?<= )([\w-]+)\(", re.M)
_OPERATION_NAME = re.compile(r'op_name="([^"]*)"')


def sum_profile(folder: Path, program: str, *, num_steps: int) -> tuple[list[dict[str, object]], dict[str, float]]:
    """Return rows of part, forward, backward and share, and the milliseconds of each operation, both per step.

    folder: the output of `jax.profiler.trace`. program: the text of the compiled steps. A fused operation counts
    for the part of its last constituent.
    """
    names = name_operations(program)
    spent: dict[str, float] = collections.defaultdict(float)
    for operation, nanoseconds in read_operations(folder):
        if names.get(operation) not in CONTAINERS:
            spent[operation] += nanoseconds / 1e6 / num_steps
    parts: dict[str, list[float]] = {}
    for operation, milliseconds in spent.items():
        name = names.get(operation, "")
        part = next((label for key, label in PARTS.items() if re.search(rf"(?<![a-zA-Z]){key}", name)), UNNAMED)
        parts.setdefault(part, [0.0, 0.0])["transpose(" in name] += milliseconds
    total = sum(spent.values())
    rows = [
        {"part": part, "forward ms": there, "backward ms": back, "share": f"{100 * (there + back) / total:.0f} %"}
        for part, (there, back) in sorted(parts.items(), key=lambda item: -sum(item[1]))
    ]
    return rows, dict(sorted(spent.items(), key=lambda item: -item[1]))


def name_operations(program: str) -> dict[str, str]:
    """Return instruction → path through modules and scopes, or the kind for one of `CONTAINERS`."""
    names = {}
    for line in program.splitlines():
        instruction = _INSTRUCTION.match(line)
        if instruction:
            name, kind = instruction.groups()
            path = _OPERATION_NAME.search(line)
            names[name] = kind if kind in CONTAINERS else path.group(1) if path else ""
    return names


def read_operations(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield (operation, nanoseconds) of everything that ran on the device; on a CPU, in the threads of XLA.

    An unnamed operation, such as a copy or a kernel of a captured graph, has the name of its kernel.
    """
    for path in sorted(Path(folder).rglob("*.xplane.pb")):
        planes = list(ProfileData.from_file(str(path)).planes)
        devices = [plane for plane in planes if plane.name.startswith("/device:")]
        for plane in devices or planes:
            for line in plane.lines:
                # Other lines of a GPU repeat these events, summed by module or by step.
                if plane.name.startswith("/device:GPU") and not line.name.startswith("Stream"):
                    continue
                for event in line.events:
                    stats = dict(event.stats)
                    if devices or "hlo_op" in stats:
                        yield str(stats.get("hlo_op", event.name)), event.duration_ns
