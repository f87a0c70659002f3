"""Clusters and poses as a STAR file of RELION.

RELION aligns an image by moving it by (rlnOriginX, rlnOriginY) pixels and then rotating it by rlnAnglePsi degrees about
pixel N // 2 of its N rows and columns, with x to the right, y along increasing rows, and the matrix
[[cos, -sin], [sin, cos]] on (x, y); `relion_stack_create --apply_transformation` does this. Shown with row 0 at the
top, a positive angle thus rotates clockwise. An image with our theta, counter-clockwise, is made upright by a clockwise
rotation by theta: rlnAnglePsi is theta in degrees.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from irl_inr_jax.config.checked_files import write_in_one_step
from irl_inr_jax.metrics.clustering_scores import NOISE

STACK_SUFFIXES = (".mrcs", ".mrc", ".st")  # stacks whose images RELION reads by number


def image_names(files: np.ndarray, pages: np.ndarray | None) -> list[str]:
    """Return rlnImageName of each image: its file, or 000001@FILE for the first image of a stack."""
    if pages is None:
        return [str(file) for file in files]
    return [f"{page + 1:06d}@{file}" for file, page in zip(files, pages, strict=True)]


def relion_poses(
    theta: Float[np.ndarray, "n"], shifts_px: Float[np.ndarray, "n 2"], sizes: Int[np.ndarray, "n 2"]
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n 2"]]:
    """Return rlnAnglePsi in degrees, in (-180, 180], and (rlnOriginX, rlnOriginY) in pixels.

    shifts_px: position of the canonical origin relative to the middle of the image, to the right and up. sizes: heights
    and widths. For an even number of pixels RELION's centre is half a pixel right of and below the middle.
    """
    psi = -((-np.degrees(theta.astype(np.float64)) + 180) % 360 - 180)
    right_and_down = shifts_px * np.array([1.0, -1.0])
    half = np.where(sizes[:, ::-1] % 2 == 0, 0.5, 0.0)
    return psi, half - right_and_down


def write_star(
    path: Path,
    names: Sequence[str],
    clusters: Int[np.ndarray, "n"],
    *,
    confidence: Float[np.ndarray, "n"],
    pose: tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n 2"]] | None,
    side: int,
    pixel_size: float,
) -> None:
    """Write one loop with a row per image, and for a known pixel size the optics group that RELION 3.1 expects.

    rlnClassNumber counts from 1, and is 0 for noise. pose: of `relion_poses`, or None. pixel_size: in angstroms, 0 if
    it is unknown; origins are then in pixels, as RELION 3.0 has them. side: of the images in pixels.
    """
    columns = {
        "rlnImageName": [_quote(name) for name in names],
        "rlnClassNumber": [str(0 if cluster == NOISE else cluster + 1) for cluster in clusters],
        "rlnMaxValueProbDistribution": [f"{share:.6f}" for share in confidence],
    }
    if pose is not None:
        unit, factor = ("Angst", pixel_size) if pixel_size else ("", 1.0)
        columns["rlnAnglePsi"] = [f"{angle:.6f}" for angle in pose[0]]
        columns[f"rlnOriginX{unit}"] = [f"{factor * shift:.6f}" for shift in pose[1][:, 0]]
        columns[f"rlnOriginY{unit}"] = [f"{factor * shift:.6f}" for shift in pose[1][:, 1]]
    if not pixel_size:
        write_in_one_step(path, _format_loop("", columns))
        return
    optics = {
        "rlnOpticsGroup": ["1"],
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnImagePixelSize": [f"{pixel_size:.6f}"],
        "rlnImageSize": [str(side)],
        "rlnImageDimensionality": ["2"],
    }
    columns["rlnOpticsGroup"] = ["1"] * len(names)
    write_in_one_step(path, _format_loop("optics", optics) + "\n" + _format_loop("particles", columns))


def _format_loop(block: str, columns: dict[str, list[str]]) -> str:
    lines = [f"data_{block}", "", "loop_"]
    lines += [f"_{name} #{number}" for number, name in enumerate(columns, 1)]
    lines += [" ".join(row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"


def _quote(name: str) -> str:
    if not any(letter.isspace() for letter in name):
        return name
    return f'"{name}"' if '"' not in name else f"'{name}'"
