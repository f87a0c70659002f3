"""Cluster images by what they show, independent of how they are rotated and shifted.

    irl-inr run DIR --out RESULTS

is the way from images to clusters and a page to look at them, in one command. Its steps, with all their options:

    irl-inr inspect DIR
    irl-inr train --config images:small --workdir runs/mine --config.data.path=DIR
    irl-inr evaluate --workdir runs/mine
    irl-inr report --workdir runs/mine
    irl-inr export --workdir runs/mine --to folders
    irl-inr align --workdir runs/mine --to upright
    irl-inr similar --workdir runs/mine IMAGE
    irl-inr save --workdir runs/mine --out mine.irl

inspect reports what a data set contains before any training, train trains an encoder, and evaluate clusters the images
of a trained run and scores the clusters. Of an evaluated run, report writes a page to browse, export copies images and
clusters out, align writes every image upright, similar finds the images nearest to one, and save writes one file that
clusters new images. `irl-inr VERB --help` lists the flags of a verb.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from irl_inr_jax.commands import align, evaluate, export, inspect, report, run, save, similar, train

VERBS = {
    "run": run.main,
    "inspect": inspect.main,
    "train": train.main,
    "evaluate": evaluate.main,
    "report": report.main,
    "export": export.main,
    "align": align.main,
    "similar": similar.main,
    "save": save.main,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb that comes first in `arguments` (default: the command line's) and return the exit status."""
    verb, *rest = (sys.argv[1:] if arguments is None else list(arguments)) or [""]
    if verb in ("", "-h", "-help", "--help"):
        print(__doc__)
        return 0
    if verb == "--version":
        print(version("irl-inr-jax"))
        return 0
    if verb not in VERBS:
        print(f"error: expected one of {', '.join(VERBS)} after irl-inr, found {verb!r}; see --help", file=sys.stderr)
        return 2
    return VERBS[verb](rest)
