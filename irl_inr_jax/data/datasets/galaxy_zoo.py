"""Galaxy Zoo as published by the Kaggle challenge: 61,578 colour photographs and the votes on each.

Decoding takes minutes, so the cropped and downsampled photographs are stored once as one array next to the files.
"""

import math
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from ml_collections import ConfigDict
from PIL import Image

from irl_inr_jax.data.array_cache import open_cached_array
from irl_inr_jax.data.source import Source, array_source
from irl_inr_jax.data.subsets import Stream, make_rng
from irl_inr_jax.types import InputError

IMAGES, VOTES = "images_training_rev1", "training_solutions_rev1.csv"
CROP = 207 / 424  # central crop as a share of the shorter side (Dieleman et al., 2015)
SIDE = 64  # pixels (paper, Appendix B)
TEST_SHARE = 11_578 / 61_578  # the paper's 50,000 and 11,578
# A galaxy is labelled if its first answer has at least CLEAR_FIRST and its last more than CLEAR_PATH of all votes.
CLEAR_FIRST, CLEAR_PATH = 0.8, 0.5
CLASSES = {
    "round": ("Class1.1", "Class7.1"),
    "in_between": ("Class1.1", "Class7.2"),
    "cigar": ("Class1.1", "Class7.3"),
    "edge_on": ("Class1.2", "Class2.1"),
    "spiral": ("Class1.2", "Class4.1"),
}
_BLOCK = 512  # photographs decoded between writes


def read_galaxy_zoo(data: ConfigDict) -> Source:
    """Return the photographs (side, side, 3) of config.data.root/galaxy_zoo/; ids are their GalaxyID.

    side is config.data.resize, or 64 if that is 0. Each answer's share of the votes is a column, NaN for a photograph
    without votes; labels are those of `clear_classes`. The test set is a seeded sample of 11,578 of the 61,578
    photographs, or the same share of a smaller number.

    Raises InputError if photographs are missing or damaged, or if the votes are on other galaxies.
    """
    root = Path(data.root).expanduser()
    folder = root if (root / IMAGES).is_dir() else root / "galaxy_zoo"
    name = f"config.data.root ({folder / IMAGES})"
    files = list_photographs(folder / IMAGES)
    ids = np.array([file.stem for file in files])
    num_test = round(len(ids) * TEST_SHARE)
    is_test = np.zeros(len(ids), bool)
    is_test[make_rng(data.seed, Stream.GALAXIES).permutation(len(ids))[:num_test]] = True
    columns = read_votes(folder / VOTES, ids) if (folder / VOTES).is_file() else {}
    return array_source(
        name,
        open_photographs(files, data.resize or SIDE, name),
        ids,
        description="Galaxy Zoo: central crops of galaxy photographs, classes by votes",
        labels=clear_classes(columns) if columns else None,
        test=is_test if num_test else None,
        columns=columns,
    )


def clear_classes(votes: dict[str, np.ndarray]) -> np.ndarray:
    """Return the class (N,) of each galaxy, '' where the votes are not clear. votes: answer -> (N,) shares.

    Smooth galaxies (Class1.1) are round, in between or cigar-shaped (Class7.1 to 7.3); galaxies with features or a disk
    (Class1.2) are viewed edge on (Class2.1) or have a spiral (Class4.1). The published shares are multiplied along the
    decision tree, so Class7.1 is the share of all voters who chose both smooth and round. A class is clear if its first
    answer has at least 0.8 and its last answer more than 0.5 of the votes; at most one class is.
    """
    labels = np.full(len(votes["Class1.1"]), "", dtype="<U10")
    for label, (first, last) in CLASSES.items():
        labels[(votes[first] >= CLEAR_FIRST) & (votes[last] > CLEAR_PATH)] = label
    return labels


def list_photographs(folder: Path) -> list[Path]:
    """Return the .jpg files of a folder in numerical order. Raises InputError if there is none."""
    files = [file for file in folder.glob("*.jpg") if not file.name.startswith(".")] if folder.is_dir() else []
    if not files:
        raise InputError(
            f"config.data.root ({folder}): expected the .jpg files of images_training_rev1.zip, found "
            f"{'none' if folder.is_dir() else 'no such folder'}; "
            f"get them at kaggle.com/c/galaxy-zoo-the-galaxy-challenge"
        )
    return sorted(files, key=lambda file: (len(file.stem), file.stem))


def read_votes(path: Path, ids: np.ndarray) -> dict[str, np.ndarray]:
    """Return the vote shares of the galaxies `ids` (N,): answer -> (N,), NaN for galaxies without votes.

    Votes on galaxies without a photograph are ignored.

    Raises InputError if the file is damaged, lacks an answer that defines a class, or has none of the galaxies.
    """
    name = f"config.data.root ({path})"
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = [column.strip() for column in file.readline().split(",")]
            table = np.loadtxt(file, delimiter=",", ndmin=2)
    except ValueError as error:  # includes UnicodeDecodeError
        raise InputError(
            f"{name}: expected a row of numbers for each galaxy, found other content ({' '.join(str(error).split())}); "
            f"download it again"
        ) from None
    missing = sorted({"GalaxyID", *(answer for answers in CLASSES.values() for answer in answers)} - set(header))
    if missing or table.shape[1:] != (len(header),):
        raise InputError(
            f"{name}: expected columns GalaxyID and Class1.1 to Class11.6, found "
            f"{'none called ' + ', '.join(missing) if missing else f'{len(header)} names for {table.shape[1]} columns'}"
        )
    numbers = table[:, header.index("GalaxyID")].astype(np.int64).astype(str)
    row_of = {number: row for row, number in enumerate(numbers)}
    rows = np.array([row_of.get(number, -1) for number in ids])
    if (rows < 0).all():
        raise InputError(
            f"{name}: expected the votes on the photographs of {IMAGES}, such as {ids[0]}, found {len(numbers)} "
            f"others, such as {numbers[0] if len(numbers) else 'none'}; remove {VOTES} to continue without labels"
        )
    votes = np.where(rows[:, None] < 0, np.nan, table[rows])
    return {column: votes[:, index] for index, column in enumerate(header) if column != "GalaxyID"}


def open_photographs(files: list[Path], side: int, name: str) -> UInt8[np.ndarray, "n s s 3"]:
    """Return the central crops of all photographs, memory-mapped from an array that is written on first use.

    Its name contains the side and a checksum of the files' names and sizes. Raises InputError for damaged photographs.
    """
    checksum = zlib.crc32("".join(f"{file.name}:{file.stat().st_size};" for file in files).encode())
    return open_cached_array(
        files[0].parents[1],
        f"{IMAGES}.{side}px-{checksum:08x}.npy",
        (len(files), side, side, 3),
        lambda: _decode_all(files, side, name),
        content=f"{len(files)} photographs to {side}x{side} pixels",
    )


def read_photograph(file: Path, side: int) -> UInt8[np.ndarray, "s s 3"]:
    """Return the central crop of a photograph, downsampled by area averaging.

    Raises OSError or SyntaxError for a damaged photograph.
    """
    with Image.open(file) as image:
        width = min(image.size)
        # JPEGs are decoded at a half or a quarter of their size if that leaves enough pixels to average.
        image.draft(
            "RGB", (math.ceil(side / CROP / width * image.width), math.ceil(side / CROP / width * image.height))
        )
        crop = CROP * min(image.size)
        left, top = (image.width - crop) / 2, (image.height - crop) / 2
        box = (left, top, left + crop, top + crop)
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BOX, box=box))


def _decode_all(files: list[Path], side: int, name: str) -> Iterator[bytes]:
    def decode(file: Path) -> np.ndarray | str:
        try:
            return read_photograph(file, side)
        # Decoders raise many kinds of error for a damaged file.
        except Exception as error:
            return f"{file.name}: {' '.join(str(error).split())}"

    damaged = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(files), _BLOCK):
            photographs = list(pool.map(decode, files[first : first + _BLOCK]))
            damaged += [reason for reason in photographs if isinstance(reason, str)]
            if not damaged:
                yield np.stack(photographs).tobytes()
    if damaged:
        raise InputError(
            f"{name}: expected photographs that can be read, found {len(damaged)} of {len(files)} damaged "
            f"({'; '.join(damaged[:3])}); replace them or remove them from the folder"
        )
