"""Write simulated galaxies in the layout of the Galaxy Zoo challenge: photographs and a table of votes.

    python docs/samples/galaxies.py data/galaxy_zoo

Five kinds: smooth galaxies that are round, in between or cigar-shaped, discs seen edge on, and spirals with two arms.
Each has a random rotation, size, brightness and noise. The votes are clear for four galaxies of five; one of five has
no class. They stand in for the photographs where these are not at hand, and say nothing about real galaxies.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

COUNT, SIDE = 600, 424
KINDS = {  # kind: axis ratio, scale length in pixels, and the answers of the decision tree that lead to it
    "round": ((0.88, 1.0), (16, 26), ("Class1.1", "Class7.1")),
    "in_between": ((0.5, 0.65), (18, 28), ("Class1.1", "Class7.2")),
    "cigar": ((0.25, 0.35), (20, 32), ("Class1.1", "Class7.3")),
    "edge_on": ((0.08, 0.12), (26, 36), ("Class1.2", "Class2.1")),
    "spiral": ((0.75, 1.0), (26, 36), ("Class1.2", "Class4.1")),
}
NUM_ANSWERS = (3, 2, 2, 2, 4, 2, 3, 7, 3, 3, 6)  # of the eleven questions
ANSWERS = [f"Class{question}.{answer + 1}" for question, n in enumerate(NUM_ANSWERS, 1) for answer in range(n)]


def draw_galaxy(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Return a photograph (SIDE, SIDE, 3) of a galaxy of this kind in a random pose."""
    ratios, lengths, _ = KINDS[kind]
    ratio, length, angle = rng.uniform(*ratios), rng.uniform(*lengths), rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    radius, azimuth = np.hypot(along, across / ratio), np.arctan2(across / ratio, along)
    disc, bulge = np.exp(-radius / length), np.exp(-np.hypot(along, across) / (0.25 * length))
    if kind == "spiral":
        arms = np.cos(2 * (azimuth - 3.2 * np.log1p(radius / length)))
        disc = disc * (1 + 0.9 * arms * (1 - np.exp(-((radius / length) ** 2))))
    if kind in ("spiral", "edge_on"):
        light = np.stack([0.75 * disc + bulge, 0.85 * disc + 0.85 * bulge, disc + 0.6 * bulge], axis=-1)
    else:
        light = (0.7 * disc + 0.5 * bulge)[..., None] * np.array([1.0, 0.85, 0.65])
    light = rng.uniform(120, 210) * light + rng.normal(12, 4, light.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


def write_galaxies(folder: Path) -> None:
    """Write COUNT photographs and their votes below a folder."""
    rng = np.random.default_rng(0)
    photographs = folder / "images_training_rev1"
    photographs.mkdir(parents=True, exist_ok=True)
    lines = [",".join(["GalaxyID", *ANSWERS])]
    for number in range(COUNT):
        kind, galaxy = list(KINDS)[number % len(KINDS)], 100_000 + 7 * number
        Image.fromarray(draw_galaxy(rng, kind)).save(photographs / f"{galaxy}.jpg", quality=90)
        first, last = KINDS[kind][2]
        share = rng.uniform(0.85, 1.0) if number % 25 < 20 else rng.uniform(0.5, 0.75)
        votes = {**dict.fromkeys(ANSWERS, 0.0), first: share, last: 0.9 * share}
        lines.append(",".join([str(galaxy), *(f"{votes[answer]:.4f}" for answer in ANSWERS)]))
    (folder / "training_solutions_rev1.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"{__doc__}\nexpected one argument, the folder to write")
    write_galaxies(Path(sys.argv[1]))
