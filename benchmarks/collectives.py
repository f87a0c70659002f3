"""What crosses between devices, read from a compiled program, and how long that takes on links of a given speed."""

import math
import re

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_SIZES = {"f32": 4, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "pred": 1, "u8": 1, "s8": 1, "f64": 8, "s64": 8}
_OPERATION = re.compile(rf"= (.*?) ({'|'.join(COLLECTIVES)})(?:-start)?\(")
_ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")
SMALL = 1 << 20  # bytes; what is less is statistics and losses


def count_collectives(program: str) -> list[tuple[str, int]]:
    """(kind, bytes of the result on a device) of every collective in the text of a compiled program.

    A part of the program that runs several times is counted once; the step has none with collectives in it.
    """
    found = []
    for shapes, kind in _OPERATION.findall(program):
        size = 0
        for dtype, dims in _ARRAY.findall(shapes):
            size += _SIZES[dtype] * math.prod(map(int, filter(None, dims.split(","))))
        found.append((kind, size))
    return found


def predict_seconds(collectives: list[tuple[str, int]], num_devices: int, bytes_per_second: float) -> float:
    """Of the collectives one after the other, by rings of all devices.

    Those of a shared hypernetwork run in smaller rings, which is (n - 1) / n nearer to one half and so a little less.
    """
    passes = {"all-reduce": 2, "reduce-scatter": num_devices}  # of the bytes that each leaves
    share = (num_devices - 1) / num_devices
    return sum(passes.get(kind, 1) * share * size / bytes_per_second for kind, size in collectives)
