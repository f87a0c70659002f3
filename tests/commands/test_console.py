"""Test what a command prints, whatever the terminal and the libraries do."""

import io
import os
import sys
import warnings

import pytest

from irl_inr_jax.commands.console import prepare_output


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


def test_libraries_do_not_warn_beside_our_errors(recwarn):
    warnings.simplefilter("always")
    prepare_output()
    for module in ("astropy.io.fits.hdu", "tifffile.tifffile", "irl_inr_jax.data"):
        warnings.warn_explicit("truncated", UserWarning, "file.py", 1, module=module)
    assert len(recwarn) == 1
