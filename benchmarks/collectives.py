"""Communication between devices: collectives of a compiled program, and their predicted time."""

import math
import re

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_SIZES = {"f32": 4, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "pred": 1, "u8": 1, "s8": 1, "f64": 8, "s64": 8}
_OPERATION = re.compile(rf"= (.*?) ({'|'.join(COLLECTIVES)})(?:-start)?\(")
_ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")
SMALL = 1 << 20  # bytes; smaller collectives are statistics and losses


def count_collectives(program: str) -> list[tuple[str, int]]:
    """Return (kind, bytes of the result per device) of every collective in the text of a compiled program.

    Loop bodies are counted once; those of the training step contain no collectives.
    """
    found = []
    for shapes, kind in _OPERATION.findall(program):
        size = 0
        for dtype, dims in _ARRAY.findall(shapes):
            size += _SIZES[dtype] * math.prod(map(int, filter(None, dims.split(","))))
        found.append((kind, size))
    return found


def predict_seconds(collectives: list[tuple[str, int]], num_devices: int, bytes_per_second: float) -> float:
    """Return the time of the collectives in sequence, each as a ring over all devices.

    Those of a sharded hypernetwork run in smaller rings, whose factor (n - 1) / n is slightly smaller.
    """
    passes = {"all-reduce": 2, "reduce-scatter": num_devices}  # times the bytes of the result
    share = (num_devices - 1) / num_devices
    return sum(passes.get(kind, 1) * share * size / bytes_per_second for kind, size in collectives)
