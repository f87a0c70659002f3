"""How long a run takes to its first step, and what for."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax
import psutil

from irl_inr_jax.training.step import TakeStep

_COMPILING = ("/jax/core/compile/jaxpr_to_mlir_module_duration", "/jax/core/compile/backend_compile_duration")


class Startup:
    """Seconds since the process started: what imports took until this was made, then reading, compiling and the rest.

    What is read back from the compilation cache counts as compiling.
    """

    def __init__(self):
        self.imports, self.reading, self.compiling = seconds_since_start(), 0.0, 0.0
        self._done = False
        self._untold: dict[str, float] = {}
        jax.monitoring.register_event_duration_secs_listener(self._note)

    def _note(self, event: str, seconds: float, **_) -> None:
        if event in _COMPILING:
            self.compiling += seconds

    @contextmanager
    def time_reading(self) -> Iterator[None]:
        """What is done within it is reading, but for what is compiled there."""
        started, compiled = time.monotonic(), self.compiling
        yield
        self.reading += time.monotonic() - started - (self.compiling - compiled)

    def take_scalars(self) -> dict[str, float]:
        """{"seconds_to_first_step": ...} after that step, but only once."""
        untold, self._untold = self._untold, {}
        return untold

    def time_first(self, take_step: TakeStep, say: Callable[[str], None]) -> TakeStep:
        """`take_step`, of which the first call waits for its end and says how long everything took until then.

        Where a call takes several steps, they all count.
        """

        def timed(state, batch):
            taken = take_step(state, batch)
            if not self._done:
                jax.block_until_ready(taken)
                seconds = seconds_since_start()
                self._done, self._untold = True, {"seconds_to_first_step": seconds}
                jax.monitoring.unregister_event_duration_listener(self._note)
                say(
                    f"first step after {seconds:.1f} s (imports {self.imports:.1f} s, reading "
                    f"{self.reading:.1f} s, compiling {self.compiling:.1f} s)"
                )
            return taken

        return timed


def seconds_since_start() -> float:
    """Since this process was started."""
    return time.time() - psutil.Process().create_time()
