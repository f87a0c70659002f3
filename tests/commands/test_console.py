"""Test what a command prints, whatever the terminal and the libraries do."""

import io
import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from absl import flags

from irl_inr_jax.commands.console import prepare_output, start_logging
from irl_inr_jax.commands.flags import call_body, define_compilation_cache
from tests.conftest import ROOT


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


# Prints or logs two lines, and reads one between them, so that the reader has ended before the second.
COMMAND = """
import logging, os, subprocess, sys
from absl import flags
from irl_inr_jax.commands.flags import call_body, define_compilation_cache
values = flags.FlagValues()
define_compilation_cache(values)
values.mark_as_parsed()
reader = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE)
os.dup2(reader.stdin.fileno(), 1)
reader.stdin.close()

def body():
    put = logging.getLogger("irl_inr_jax").info if sys.argv[1] == "log" else lambda text: print(text, flush=True)
    put("first")
    reader.wait()
    put("second")
    print("reached", file=sys.stderr)
    put("third")
    return 0

sys.exit(call_body(body, values))
"""


@pytest.mark.parametrize(("way", "status", "error"), [("log", 0, "reached\n"), ("print", 141, "")])
def test_a_command_whose_output_is_no_longer_read_prints_no_error(way, status, error):
    """Its log does not end it, so that a training goes on; a print does, as for other programs."""
    done = subprocess.run([sys.executable, "-c", COMMAND, way], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (status, "first\n", error)


def test_another_broken_pipe_is_an_error():
    def body():
        raise BrokenPipeError("of a worker")

    values = flags.FlagValues()
    define_compilation_cache(values)
    values.mark_as_parsed()
    with pytest.raises(BrokenPipeError, match="of a worker"):
        call_body(body, values)


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
