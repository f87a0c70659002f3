"""Lines that a command prints: the log on stdout, and the user's errors on stderr."""

import errno
import io
import logging
import os
import sys
import warnings

import absl.logging


class DroppingFile(io.FileIO):
    """A file whose content is dropped once the program that read it, such as head, has ended."""

    def write(self, data) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return len(data)


class PlainFormatter(logging.Formatter):
    """The message alone, preceded by its level from warnings upwards."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        return f"{record.levelname.lower()}: {message}" if record.levelno >= logging.WARNING else message


# Faults of the machine, by the text that libraries in C++ quote in errors of their own kind.
FAULTS = {
    os.strerror(number): number
    for number in (
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG, errno.EIO),
        *(errno.ENOLCK, errno.EOPNOTSUPP, errno.ESTALE),  # of network file systems, the first two for locks
    )
}


def prepare_output() -> None:
    """Let nothing outside the package change what a command prints and draws.

    Characters that the terminal's encoding lacks are replaced by question marks, a command whose output is no longer
    read goes on to its end, figures are only written to files whatever MPLBACKEND says, and libraries do not warn
    beside our errors about files that they read.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # not one of the streams that replace stdout
        if sys.stdout is sys.__stdout__:
            sys.stdout = _without_broken_pipes(sys.stdout)
        sys.stdout.reconfigure(errors="replace")
    os.environ["MPLBACKEND"] = "agg"
    for library in ("astropy", "mrcfile", "tifffile", "PIL"):
        warnings.filterwarnings("ignore", module=rf"{library}\.")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def _without_broken_pipes(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a stream with the same settings to the same file, as `DroppingFile`."""
    stream.flush()
    file = DroppingFile(stream.fileno(), "w", closefd=False)
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)  # not with PYTHONUNBUFFERED
    return io.TextIOWrapper(
        io.BufferedWriter(file) if is_buffered else file,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def start_logging() -> None:
    """Print the INFO lines of logger `irl_inr_jax` to stdout, and nothing of absl and orbax."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(PlainFormatter())
    logger = logging.getLogger("irl_inr_jax")
    logger.handlers[:] = [handler]
    logger.propagate = False  # libraries add handlers to the root logger
    logger.setLevel(logging.INFO)
    # Orbax logs every stage of a save as INFO, and warns of saves that take a second.
    # Its errors are raised as well.
    absl.logging.set_verbosity(absl.logging.FATAL)
    sys.excepthook = _print_exception
    sys.unraisablehook = _print_unraisable


def _print_exception(kind, error, traceback) -> None:
    """Print an exception as Python does, except `_is_of_given_up_write`."""
    if not _is_of_given_up_write(error):
        sys.__excepthook__(kind, error, traceback)


def _print_unraisable(unraisable) -> None:
    """Print an exception that no caller could receive as Python does, except `_is_of_given_up_write`."""
    if not _is_of_given_up_write(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)


def _is_of_given_up_write(error: object) -> bool:
    """Return True for errors in threads of TensorStore whose writes go on after orbax has given up a checkpoint."""
    return isinstance(error, RuntimeError) and str(error) == "Event loop is closed"


def fail(message: str) -> int:
    """Print the message on a mistake of the user as one line on stderr and return the exit status 2."""
    return report_failure(message, 2)


def describe_fault(error: BaseException) -> str | None:
    """Return one line on the fault of the machine that caused the error, such as a full disk; None for other errors."""
    seen: BaseException | None = error
    while seen is not None:
        fault = next((text for text in FAULTS if text in str(seen)), None)
        if fault is None and isinstance(seen, OSError) and seen.errno is not None and seen.errno in FAULTS.values():
            fault = os.strerror(seen.errno)
        if fault is not None:
            name = getattr(seen, "filename", None)
            where = f"{str(name)[:200]}" if name else "a file of the run"
            return (
                f"cannot read or write {where}: {fault.lower()}; what was saved before is kept, and the same command "
                f"continues from there once this is corrected"
            )
        seen = seen.__cause__ or seen.__context__
    return None


def report_failure(message: str, status: int) -> int:
    """Print the message as one line on stderr and return `status`."""
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)
    return status
