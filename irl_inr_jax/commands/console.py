"""Lines that a command prints: the log on stdout, and the user's errors on stderr."""

import logging
import os
import sys
import warnings

import absl.logging


class PlainFormatter(logging.Formatter):
    """The message alone, preceded by its level from warnings upwards."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        return f"{record.levelname.lower()}: {message}" if record.levelno >= logging.WARNING else message


def prepare_output() -> None:
    """Let nothing outside the package change what a command prints and draws.

    Characters that the terminal's encoding lacks are replaced by question marks, figures are only written to files
    whatever MPLBACKEND says, and libraries do not warn beside our errors about files that they read.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # not of streams that replace stdout
    if reconfigure is not None:
        reconfigure(errors="replace")
    os.environ["MPLBACKEND"] = "agg"
    for library in ("astropy", "mrcfile", "tifffile", "PIL"):
        warnings.filterwarnings("ignore", module=rf"{library}\.")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


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
