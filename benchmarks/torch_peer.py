"""Compare the published training step with PyTorch on the same machine.

    pip install '.[bench]'
    python -m benchmarks.torch_peer
    python -m benchmarks.torch_peer --batch_size 16 --rounds 5
    python -m benchmarks.torch_peer --compile         # on a GPU: PyTorch's batched form under torch.compile

PyTorch's step is written without special optimisation in two forms: a Python loop over the INRs of the batch, and
`torch.bmm`. Each round times our step, the loop and the batched form in sequence; `ratio` is the speed of our step over
theirs: median, minimum and maximum over the rounds. Our step uses the default options for this machine. Both use their
library's default float32 and the same number of threads.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.flags import parse_flags, run_script

if TYPE_CHECKING:
    import numpy as np

    from irl_inr_jax.types import Dataset, PyTree

CONFIG = flags.DEFINE_string("config", "mnist_u:paper", "name in configs/ with :paper")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 0, "images per step; 0: the configuration's, 128", lower_bound=0)
ROUNDS = flags.DEFINE_integer("rounds", 3, "number of timed rounds", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 1, "steps of each per round", lower_bound=1)
COMPILE = flags.DEFINE_bool("compile", False, "PyTorch's batched form under torch.compile")
DTYPE = flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "type of products, in PyTorch by autocast")


def make_ours(config: ConfigDict, dataset: Dataset) -> tuple[Callable[[int], None], PyTree, np.ndarray]:
    """Return take(steps), and the initial parameters and frequencies."""
    import jax
    import numpy as np

    from irl_inr_jax.devices.mesh import make_mesh
    from irl_inr_jax.training.run import first_batches, init_state, lower_step, make_run

    run = make_run(config, dataset, make_mesh(jax.local_devices()[:1]), neighbours=None)
    num_steps = math.gcd(run.steps_per_call, STEPS.value)  # so that a round has exactly --steps
    compiled = lower_step(run, num_steps=num_steps).compile()
    state, given = init_state(run), first_batches(run, num_steps=num_steps)
    first = jax.tree.map(np.asarray, (state.params, state.model_state["frequencies"]))

    def take(steps: int) -> None:
        nonlocal state
        for _ in range(steps // num_steps):
            state, metrics = compiled(state, *given)
        jax.block_until_ready(metrics)

    return take, *first


def make_theirs(
    config: ConfigDict, dataset: Dataset, params: PyTree, frequencies: np.ndarray, *, batched: bool
) -> Callable[[int], None]:
    """Return take(steps) of PyTorch's step with the same initial parameters."""
    import jax
    import torch

    from benchmarks.torch_model import Peer, load_params, rotate_images

    device = "cuda" if torch.cuda.is_available() and jax.default_backend() == "gpu" else "cpu"
    if device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    peer = Peer(config, frequencies, batched=batched)
    load_params(peer, params)
    peer.to(device)
    train = config.train
    optimizer = torch.optim.Adam(
        peer.parameters(), lr=train.learning_rate, betas=(train.b1, train.b2), weight_decay=train.weight_decay
    )
    stored = torch.tensor(dataset.train.images[: train.batch_size], device=device)
    loss_of = torch.compile(peer) if COMPILE.value and batched else peer

    def take(steps: int) -> None:
        for _ in range(steps):
            images = stored.permute(0, 3, 1, 2).float() / 255
            views = [rotate_images(images, config.views.translation_px) for _ in range(2)]
            with torch.autocast(device, torch.bfloat16, enabled=DTYPE.value == "bfloat16"):
                loss = loss_of(*views)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        loss.item()

    return take


def main() -> int:
    """Print one row per form; return the exit status."""
    import jax
    import numpy as np

    from benchmarks.inputs import load_config, make_noise
    from irl_inr_jax.report.text_table import format_table
    from irl_inr_jax.types import InputError

    try:
        import torch
    except ModuleNotFoundError:
        raise InputError("expected PyTorch for this benchmark, found none; run pip install '.[bench]'") from None
    config = load_config(CONFIG.value)
    with config.unlocked():
        config.train.batch_size = BATCH_SIZE.value or config.train.batch_size
        config.model.dtype = DTYPE.value
    if config.model.pose.form != "centre" or config.model.encoder.stem != "3x3":
        raise InputError(f"expected a configuration with :paper, as implemented in PyTorch, found {CONFIG.value}")
    dataset = make_noise(config, config.train.batch_size)
    ours, params, frequencies = make_ours(config, dataset)
    forms = {"ours": ours}
    for name, batched in (("PyTorch, loop", False), ("PyTorch, batched", True)):
        forms[name] = make_theirs(config, dataset, params, frequencies, batched=batched)
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for number in range(ROUNDS.value + 1):
        for name, take in forms.items():
            started = time.perf_counter()
            take(STEPS.value)
            if number:  # the first round compiles and warms up
                seconds[name].append((time.perf_counter() - started) / STEPS.value)
        print(f"round {number}: " + ", ".join(f"{name} {times[-1]:.3f} s" for name, times in seconds.items() if times))
    rows = []
    for name, times in seconds.items():
        ratios = np.array(times) / seconds["ours"]
        rows.append(
            {
                "step": name,
                "s per step": float(np.median(times)),
                "images/s": float(config.train.batch_size / np.median(times)),
                "ratio": float(np.median(ratios)),
                "min": float(ratios.min()),
                "max": float(ratios.max()),
            }
        )
    device = jax.local_devices()[0].device_kind
    print(f"{CONFIG.value}, batch {config.train.batch_size}, {DTYPE.value}, {os.cpu_count()} cores, {device}")
    print(f"jax {jax.__version__}, torch {torch.__version__}, torch.compile {'on' if COMPILE.value else 'off'}")
    print(format_table(rows))
    return 0


if __name__ == "__main__":
    parse_flags()
    run_script(main)
