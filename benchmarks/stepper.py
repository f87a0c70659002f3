"""A compiled training step on one device, with its losses, speed, memory and FLOPs."""

import dataclasses
import time

import jax
from ml_collections import ConfigDict

from benchmarks.inputs import changed
from irl_inr_jax.devices.mesh import make_mesh
from irl_inr_jax.training.run import first_batches, init_state, lower_step, make_run
from irl_inr_jax.training.stored_images import arbitrary_neighbours
from irl_inr_jax.types import Dataset, TrainState


@dataclasses.dataclass
class Stepper:
    """Compiled steps, their current state and their other arguments."""

    compiled: jax.stages.Compiled
    state: TrainState
    given: tuple
    num_steps: int
    batch_size: int

    def take(self, num_calls: int) -> list[float]:
        """Run the steps, wait for them and return their losses."""
        losses = []
        for _ in range(num_calls):
            self.state, metrics = self.compiled(self.state, *self.given)
            losses.append(metrics["loss"])
        return [float(loss) for call in jax.device_get(losses) for loss in call]

    def images_per_second(self, seconds: float) -> float:
        """Return the speed over as many calls as take about `seconds`."""
        started, calls = time.perf_counter(), 0
        while calls == 0 or time.perf_counter() - started < seconds:
            num_calls = max(1, calls)
            self.take(num_calls)
            calls += num_calls
        return calls * self.num_steps * self.batch_size / (time.perf_counter() - started)

    @property
    def program(self) -> str:
        """Text of the compiled program."""
        return self.compiled.as_text() or ""

    @property
    def memory_mb(self) -> float:
        """Arguments, results and temporaries of the program in MB."""
        memory = self.compiled.memory_analysis()
        used = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
        return (used + memory.temp_size_in_bytes) / 1e6


def make_stepper(config: ConfigDict, dataset: Dataset) -> Stepper:
    """Return the compiled step of the configuration with its initial state."""
    neighbours = arbitrary_neighbours(config, len(dataset.train.images))
    run = make_run(config, dataset, make_mesh(jax.local_devices()[:1]), neighbours)
    num_steps = run.steps_per_call
    compiled = lower_step(run, num_steps=num_steps).compile()
    return Stepper(
        compiled, init_state(run), first_batches(run, num_steps=num_steps), num_steps, config.train.batch_size
    )


def count_flops(config: ConfigDict, dataset: Dataset) -> float:
    """Return the model FLOPs per image: those of one plain step, as counted by XLA before optimisation."""
    plain = changed(config, {"speed.convolutions": "direct", "speed.remat": "none"})
    neighbours = arbitrary_neighbours(config, len(dataset.train.images))
    lowered = lower_step(make_run(plain, dataset, make_mesh(jax.local_devices()[:1]), neighbours))
    return lowered.cost_analysis()["flops"] / config.train.batch_size
