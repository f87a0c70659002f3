"""Galaxy Zoo as Kaggle's challenge published it: 61,578 colour photographs, and how people voted on each.

The photographs are cut, made smaller and kept as one array beside the files, as decoding them takes minutes.
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

from irl_inr_jax.data.assembly import make_source_dataset
from irl_inr_jax.data.converted import open_converted
from irl_inr_jax.data.source import Source, array_source
from irl_inr_jax.data.subsets import Stream, make_rng
from irl_inr_jax.types import Dataset, InputError

IMAGES, VOTES = "images_training_rev1", "training_solutions_rev1.csv"
CROP = 207 / 424  # share of the shorter side that is kept, in the middle (Dieleman et al., 2015)
SIDE = 64  # pixels (paper, Appendix B)
TEST_SHARE = 11_578 / 61_578  # the paper's 50,000 and 11,578
# A galaxy has a class where most people agree on it: on the first answer, and of all of them on the whole way there.
CLEAR_FIRST, CLEAR_WAY = 0.8, 0.5
CLASSES = {
    "round": ("Class1.1", "Class7.1"),
    "in_between": ("Class1.1", "Class7.2"),
    "cigar": ("Class1.1", "Class7.3"),
    "edge_on": ("Class1.2", "Class2.1"),
    "spiral": ("Class1.2", "Class4.1"),
}
_BLOCK = 512  # photographs that are decoded before they are written


def make_galaxy_zoo(data: ConfigDict) -> Dataset:
    """Galaxy Zoo's photographs under config.data.root, config.data.resize pixels wide. Raises InputError."""
    return make_source_dataset(
        data, read_galaxy_zoo(data), description="Galaxy Zoo: the middle of photographs of galaxies, classes by votes"
    )


def read_galaxy_zoo(data: ConfigDict) -> Source:
    """The photographs (side, side, 3) of config.data.root/galaxy_zoo/, called by their GalaxyID.

    side is config.data.resize, 64 where that is 0. Every answer's share of the votes is a column, NaN for a photograph
    without votes; labels are those of `clear_classes`. A seeded choice of 11,578 of 61,578, or as large a share of
    fewer, is for testing.

    Raises InputError if there are no photographs or damaged ones, or the votes belong to others.
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
        labels=clear_classes(columns) if columns else None,
        test=is_test if num_test else None,
        columns=columns,
    )


def clear_classes(votes: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) the class of each galaxy, '' where the votes are not clear. votes: answer -> (N,) shares.

    Smooth galaxies (Class1.1) are round, in between or cigar-shaped (Class7.1 to 7.3), those with features or a disk
    (Class1.2) are seen edge on (Class2.1) or have a spiral (Class4.1). The shares are published multiplied along the
    way to the question, so Class7.1 is the share of all people who said both smooth and round. A class is clear where
    its first answer has at least 0.8 of the votes and its whole way more than 0.5; no two can be.
    """
    labels = np.full(len(votes["Class1.1"]), "", dtype="<U10")
    for label, (first, last) in CLASSES.items():
        labels[(votes[first] >= CLEAR_FIRST) & (votes[last] > CLEAR_WAY)] = label
    return labels


def list_photographs(folder: Path) -> list[Path]:
    """The .jpg files of a folder, in the order of their numbers. Raises InputError if there is none."""
    files = [file for file in folder.glob("*.jpg") if not file.name.startswith(".")] if folder.is_dir() else []
    if not files:
        raise InputError(
            f"config.data.root ({folder}): expected the .jpg files of images_training_rev1.zip, found "
            f"{'none' if folder.is_dir() else 'no such folder'}; "
            f"they are at kaggle.com/c/galaxy-zoo-the-galaxy-challenge"
        )
    return sorted(files, key=lambda file: (len(file.stem), file.stem))


def read_votes(path: Path, ids: np.ndarray) -> dict[str, np.ndarray]:
    """Each answer's share of the votes for the galaxies `ids` (N,), answer -> (N,); NaN where there are none.

    Votes on galaxies without a photograph are passed over.

    Raises InputError for a damaged file, one without the answers that classes are made of, or of other galaxies.
    """
    name = f"config.data.root ({path})"
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = [column.strip() for column in file.readline().split(",")]
            table = np.loadtxt(file, delimiter=",", ndmin=2)
    except ValueError as error:  # also of what is no text
        raise InputError(
            f"{name}: expected a row of numbers for each galaxy, found another ({' '.join(str(error).split())}); "
            f"download it again"
        ) from None
    missing = sorted({"GalaxyID", *(answer for way in CLASSES.values() for answer in way)} - set(header))
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
            f"others, such as {numbers[0] if len(numbers) else 'none'}; take {VOTES} away to go without labels"
        )
    votes = np.where(rows[:, None] < 0, np.nan, table[rows])
    return {column: votes[:, place] for place, column in enumerate(header) if column != "GalaxyID"}


def open_photographs(files: list[Path], side: int, name: str) -> UInt8[np.ndarray, "n s s 3"]:
    """The middle of every photograph, mapped from an array that is made where it is not there yet.

    Its name has the side and a checksum of the files' names and sizes. Raises InputError for damaged photographs.
    """
    checksum = zlib.crc32("".join(f"{file.name}:{file.stat().st_size};" for file in files).encode())
    return open_converted(
        files[0].parents[1],
        f"{IMAGES}.{side}px-{checksum:08x}.npy",
        (len(files), side, side, 3),
        lambda: _decode_all(files, side, name),
        what=f"{len(files)} photographs to {side}x{side} pixels",
    )


def read_photograph(file: Path, side: int) -> UInt8[np.ndarray, "s s 3"]:
    """The middle `CROP` of a photograph, averaged over areas. Raises OSError or SyntaxError for a damaged one."""
    with Image.open(file) as image:
        width = min(image.size)
        # JPEGs are decoded at a half or a quarter at once, as long as that leaves enough pixels to average.
        image.draft(
            "RGB", (math.ceil(side / CROP / width * image.width), math.ceil(side / CROP / width * image.height))
        )
        kept = CROP * min(image.size)
        left, top = (image.width - kept) / 2, (image.height - kept) / 2
        box = (left, top, left + kept, top + kept)
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BOX, box=box))


def _decode_all(files: list[Path], side: int, name: str) -> Iterator[np.ndarray]:
    def decode(file: Path) -> np.ndarray | str:
        try:
            return read_photograph(file, side)
        # A damaged file can raise whatever its decoder stumbles over.
        except Exception as error:
            return f"{file.name}: {' '.join(str(error).split())}"

    damaged = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(files), _BLOCK):
            photographs = list(pool.map(decode, files[first : first + _BLOCK]))
            damaged += [reason for reason in photographs if isinstance(reason, str)]
            if not damaged:
                yield np.stack(photographs)
    if damaged:
        raise InputError(
            f"{name}: expected photographs that can be read, found {len(damaged)} of {len(files)} damaged "
            f"({'; '.join(damaged[:3])}); replace them or take them out of the folder"
        )
