"""Read inputs of `damaged_inputs` one after another in this process and print the outcome of each as a JSON line.

    python tests/data/read_inputs.py INPUTS.json

Run by test_damaged_inputs.py in a process of its own, whose memory it bounds.
"""

import contextlib
import io
import json
import logging
import os
import resource
import signal
import sys
import tempfile
import time

SECONDS = 60
MEMORY = 2_000_000_000


def read_one(keys: dict) -> dict:
    """Return the outcome of one input: what was read, or the error, and what else was written."""
    from irl_inr_jax.config import base
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.types import InputError

    data = base.get_config().data
    started, text = time.monotonic(), io.StringIO()
    outcome: dict[str, object] = {}
    signal.alarm(SECONDS)
    try:
        data.update(keys)
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            dataset = make_dataset(data)
        outcome = {"status": "read", "message": "", "images": len(dataset.train.ids)}
    except InputError as error:
        outcome = {"status": "refused", "message": str(error), "images": 0}
    except BaseException as error:
        outcome = {"status": "crashed", "message": f"{type(error).__name__}: {error}", "images": 0}
    finally:
        signal.alarm(0)
    return {**outcome, "written": text.getvalue(), "seconds": time.monotonic() - started}


def main() -> None:
    """Read the inputs named on the command line."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    with open(sys.argv[1]) as file:
        inputs = json.load(file)
    import irl_inr_jax.data.datasets  # noqa: F401

    def on_alarm(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    signal.signal(signal.SIGALRM, on_alarm)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    # Libraries in C write to the descriptors, not to sys.stderr.
    with tempfile.TemporaryFile() as raw:
        for number, descriptor in ((1, os.dup(1)), (2, os.dup(2))):
            os.dup2(raw.fileno(), number)
            if number == 1:
                answers = os.fdopen(descriptor, "w")
        for name, keys in inputs:
            before = raw.seek(0, os.SEEK_END)
            outcome = read_one(keys)
            sys.stdout.flush()
            sys.stderr.flush()
            raw.seek(before)
            outcome["written"] += raw.read().decode(errors="replace")
            print(json.dumps({"name": name, **outcome}), file=answers, flush=True)


if __name__ == "__main__":
    main()
