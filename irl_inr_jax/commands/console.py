"""Lines that a command prints: the log on stdout, and the user's errors on stderr."""

import logging
import sys

import absl.logging


class PlainFormatter(logging.Formatter):
    """The message alone, preceded by its level from warnings upwards."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        return f"{record.levelname.lower()}: {message}" if record.levelno >= logging.WARNING else message


def start_logging() -> None:
    """Print the INFO lines of logger `irl_inr_jax` to stdout, and only the errors of absl and orbax."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(PlainFormatter())
    logger = logging.getLogger("irl_inr_jax")
    logger.handlers[:] = [handler]
    logger.propagate = False  # libraries add handlers to the root logger
    logger.setLevel(logging.INFO)
    # Orbax logs every stage of a save as INFO, and warns of saves that take a second.
    absl.logging.set_verbosity(absl.logging.ERROR)


def fail(message: str) -> int:
    """Print the message as one line on stderr and return the exit status 2."""
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)
    return 2
