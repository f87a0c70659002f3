"""Cluster images by what they show, independent of how they are rotated and shifted.

    irl-inr run DIR --out RESULTS
    irl-inr inspect DIR
    irl-inr train --config images:small --workdir runs/mine --config.data.path=DIR
    irl-inr evaluate --workdir runs/mine

run is the way from images to clusters in one command. inspect reports what a data set contains before any training,
train trains an encoder, and evaluate clusters the images of a trained run and scores the clusters. `irl-inr VERB
--help` lists the flags of a verb.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from irl_inr_jax.commands import evaluate, inspect, run, train

VERBS = {"train": train.main, "evaluate": evaluate.main, "inspect": inspect.main, "run": run.main}


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
