"""Settings of the whole process that several threads change at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager


class SharedContext:
    """A context that the first thread enters and the last one leaves.

    Of two threads that each saved and restored such a setting, the second would save the changed one, and restore it
    at the end. make: returns a new context manager, which changes the setting and changes it back.
    """

    def __init__(self, make: Callable[[], AbstractContextManager]):
        self._make, self._lock, self._count = make, threading.Lock(), 0
        self._entered = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold the context within the block, or within the function that it decorates."""
        with self._lock:
            if self._count == 0:
                self._entered.enter_context(self._make())
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                if self._count == 0:
                    self._entered.close()
