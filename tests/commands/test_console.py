"""Test what a command prints, whatever the terminal and the libraries do."""

import io
import logging
import os
import select
import sys
import warnings
from types import SimpleNamespace

import pytest

from irl_inr_jax.commands.console import prepare_output, start_logging
from irl_inr_jax.training.progress import ConsoleProgress


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """Restore the environment and the filters of warnings."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    with warnings.catch_warnings():
        yield


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_characters_that_the_terminal_lacks_are_replaced(monkeypatch, encoding):
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding=encoding))
    prepare_output()
    print("a─b … \udce9")
    sys.stdout.flush()
    assert content.getvalue().decode(encoding).startswith("a─b …" if encoding == "utf-8" else "a?b ")
    assert content.getvalue().endswith(b"?\n")


def test_other_streams_and_backends_do_not_matter(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    prepare_output()
    print("…")
    assert sys.stdout.getvalue() == "…\n" and os.environ["MPLBACKEND"] == "agg"


def print_to_pipe(monkeypatch, *, buffered=True):
    """Make stdout a pipe, and return the descriptor of its end for reading, which does not block."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    if buffered:
        stream = os.fdopen(writer, "w", encoding="utf-8", buffering=1)
    else:
        stream = io.TextIOWrapper(io.FileIO(writer, "w"), encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "__stdout__", stream)
    return reader


def test_a_command_goes_on_when_its_output_is_no_longer_read(monkeypatch):
    """As that of `irl-inr train | head`: neither its log nor its progress nor its last flush fails."""
    pipe = print_to_pipe(monkeypatch)
    prepare_output()
    start_logging()
    progress = ConsoleProgress(total_steps=2, start_step=0, what="step")
    progress.seconds_between_lines = 0.0
    print("first", flush=True)
    progress.update(1, "second")
    assert os.read(pipe, 1000).decode().startswith("first\nstep 1/2")
    os.close(pipe)
    for _ in range(2):
        print("unread", flush=True)
        progress.update(2, "unread")
        logging.getLogger("irl_inr_jax").info("unread")
    sys.stdout.write("unread" * 10_000)
    sys.stdout.flush()


def test_settings_of_the_output_are_kept(monkeypatch):
    pipe = print_to_pipe(monkeypatch)
    prepare_output()
    print("─", end="")
    assert not select.select([pipe], [], [], 0)[0]
    print("")
    assert os.read(pipe, 100).decode() == "─\n" and sys.stdout.fileno() == sys.__stdout__.fileno()


def test_unbuffered_output_appears_at_once(monkeypatch):
    """As with PYTHONUNBUFFERED."""
    pipe = print_to_pipe(monkeypatch, buffered=False)
    prepare_output()
    print("first", end="")
    assert os.read(pipe, 100) == b"first"
    os.close(pipe)
    print("unread")


def test_a_command_without_output_runs(monkeypatch):
    """With stdout closed, as under some schedulers."""
    monkeypatch.setattr(sys, "stdout", None)
    prepare_output()
    print("unseen")
    assert sys.stdout is None and os.environ["MPLBACKEND"] == "agg"


def test_libraries_do_not_warn_beside_our_errors(recwarn):
    warnings.simplefilter("always")
    prepare_output()
    for module in ("astropy.io.fits.hdu", "tifffile.tifffile", "irl_inr_jax.data"):
        warnings.warn_explicit("truncated", UserWarning, "file.py", 1, module=module)
    assert len(recwarn) == 1


@pytest.mark.parametrize(("text", "is_printed"), [("Event loop is closed", False), ("something else", True)])
def test_only_errors_of_writes_that_orbax_gave_up_are_silent(monkeypatch, text, is_printed):
    start_logging()
    printed, error = [], RuntimeError(text)
    monkeypatch.setattr(sys, "__excepthook__", lambda kind, error, traceback: printed.append(error))
    monkeypatch.setattr(sys, "__unraisablehook__", lambda unraisable: printed.append(unraisable.exc_value))
    sys.excepthook(RuntimeError, error, None)
    sys.unraisablehook(SimpleNamespace(exc_value=error))
    assert printed == [error, error] * is_printed
