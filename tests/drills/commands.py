"""Commands for the drills: in this process, or in one that is forked from a server which has imported everything."""

import contextlib
import io
import json
import multiprocessing
import os
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from irl_inr_jax.commands.main import main
from irl_inr_jax.config.storage import from_json
from irl_inr_jax.data.datasets import make_dataset
from irl_inr_jax.evaluation.embeddings import load_embeddings
from irl_inr_jax.training.logging import read_metrics
from irl_inr_jax.training.trained import load_trained
from tests.conftest import ROOT

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.drills.preloaded"])
# Keys of the lines and results that measure time.
TIMES = ("images_per_second", "seconds")


class Outcome(NamedTuple):
    """Exit status and output of a command; status None after an exception, whose traceback is in `err`."""

    status: int | None
    out: str
    err: str

    @property
    def is_refusal(self) -> bool:
        """True for status 2 and one line on stderr."""
        is_one_line = self.err.startswith("error: ") and self.err.count("\n") == 1
        return self.status == 2 and is_one_line and "Traceback" not in self.out


def train(workdir, *flags) -> list[str]:
    """Return the command that trains the preset `tiny`."""
    return ["train", "--config", str(ROOT / "configs/tiny.py"), "--workdir", str(workdir), *flags]


def evaluate(workdir, *flags) -> list[str]:
    """Return the command that evaluates without figures."""
    return ["evaluate", "--workdir", str(workdir), "--clusterers", "kmeans", "--report", "scores", *flags]


def call(arguments) -> Outcome:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(list(arguments))
        except Exception:
            return Outcome(None, out.getvalue(), traceback.format_exc())
    return Outcome(status, out.getvalue(), err.getvalue())


def start(arguments, output: Path):
    """Start a command in a process of its own, which writes `output`.out and `output`.err."""
    process = SERVER.Process(target=_main, args=(list(arguments), str(output)), daemon=True)
    process.start()
    return process


def _main(arguments: list[str], output: str) -> None:
    for stream, suffix in ((sys.stdout, "out"), (sys.stderr, "err")):
        file = os.open(f"{output}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream.fileno())
    sys.exit(main(arguments))


def finish(process, output: Path, *, seconds: float = 300) -> Outcome:
    """Wait for a process of `start` and return its outcome; the status is negative if a signal ended it."""
    process.join(seconds)
    assert process.exitcode is not None, f"{output} takes more than {seconds} s"
    texts = (Path(f"{output}.{suffix}").read_text(errors="replace") for suffix in ("out", "err"))
    return Outcome(process.exitcode, *texts)


def read_state(workdir: Path) -> list[np.ndarray]:
    """Return the leaves of the newest trained parameters and its step."""
    config = from_json(workdir / "config.json")
    trained, step = load_trained(workdir, config, make_dataset(config.data))
    return [np.array(step), *map(np.asarray, jax.tree.leaves((trained.params, trained.model_state)))]


def read_lines(workdir: Path) -> dict[int, dict]:
    """Return the logged scalars by step, without those of time."""
    lines = ({name: value for name, value in line.items() if name not in TIMES} for line in read_metrics(workdir))
    return {line["step"]: line for line in lines}


def read_results(workdir: Path) -> dict:
    """Return results.json without times, the table, and the latents, as strings and numbers."""
    folder = workdir / "eval"
    content = json.loads((folder / "results.json").read_text())
    kept = _without_times({name: value for name, value in content.items() if name != "checksum"})
    latents = load_embeddings(folder / "embeddings.npz").latents
    return {"results": kept, "table": (folder / "clusters.csv").read_text(), "latents": latents.tobytes()}


def _without_times(value):
    if isinstance(value, dict):
        return {name: _without_times(item) for name, item in value.items() if name not in TIMES}
    return value


def is_equal(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    """Return True if all leaves have the same bits."""
    return len(found) == len(expected) and all(
        one.dtype == other.dtype and one.tobytes() == other.tobytes()
        for one, other in zip(found, expected, strict=True)
    )
