"""Test the parsing of flags and the reports of mistakes."""

import errno
import logging
import os

import jax
import pytest
from absl import flags

from irl_inr_jax.commands.flags import describe_flags, expand_bare_argument, run_command
from irl_inr_jax.types import InputError


def define(values, arguments):
    flags.DEFINE_integer("num_clusters", 3, "number of clusters", flag_values=values)
    flags.DEFINE_bool("cost", True, "estimate the cost", flag_values=values)


def call(body, *arguments):
    return run_command(define, body, arguments, usage="Do something.\n\n    irl-inr something\n")


def test_flags_are_those_of_one_call(capsys):
    seen = []

    def body(values):
        seen.append((values.num_clusters, values.cost))
        return 5

    assert call(body, "--num-clusters=7", "--nocost") == 5
    assert call(body, "--num_clusters", "8") == 5
    assert call(body) == 5
    assert seen == [(7, False), (8, True), (3, True)] and capsys.readouterr().err == ""


def not_called(values):
    raise AssertionError


def test_mistakes_in_flags_are_one_line_and_the_body_is_not_called(capsys):
    mistakes = {
        "--num_cluster=3": "num_clusters",
        "surplus": "expected only flags, found 'surplus'",
        "--num_clusters=many": "many",
    }
    for argument, word in mistakes.items():
        assert call(not_called, argument) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and word in captured.err
        assert captured.out == ""


def test_help_shows_usage_and_flags_and_the_body_is_not_called(capsys):
    assert call(not_called, "--num_clusters=many", "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Do something." and "  --[no]cost" in lines and "  --compilation_cache" in lines
    assert "        number of clusters (default: 3)" in lines


def test_an_input_error_is_one_line_and_our_own_mistakes_propagate(capsys):
    def refuse(values):
        raise InputError("expected\n  images,   found none")

    assert call(refuse) == 2
    assert capsys.readouterr().err == "error: expected images, found none\n"
    try:
        call(lambda values: {}["missing"])
    except KeyError:
        return
    raise AssertionError("a KeyError of the body was caught")


def test_the_log_goes_to_stdout_as_plain_lines(capsys):
    def body(values):
        logger = logging.getLogger("irl_inr_jax.some.module")
        logger.info("256 images")
        logger.warning("one is damaged")
        logger.debug("unseen")
        logging.getLogger("orbax").info("unseen")
        return 0

    for _ in range(2):
        assert call(body) == 0
        captured = capsys.readouterr()
        assert captured.out == "256 images\nwarning: one is damaged\n" and captured.err == ""


def test_flags_are_described_in_the_order_of_their_definition():
    values = flags.FlagValues()
    define(values, [])
    flags.DEFINE_string("a", None, "word " * 60, flag_values=values)
    lines = describe_flags(values).splitlines()
    assert [line.strip() for line in lines if line.startswith("  --")] == ["--num_clusters", "--[no]cost", "--a"]
    assert max(map(len, lines)) <= 120


def test_devices_that_jax_cannot_start_are_one_line(capsys, monkeypatch):
    def start():
        raise RuntimeError("Unable to initialize backend 'cuda':\n  no plugin")

    def body(values):
        jax.devices()

    monkeypatch.setattr(jax, "devices", start)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert call(body) == 2
    lines = capsys.readouterr().err.splitlines()
    assert (
        len(lines) == 1 and "found 'cuda', which JAX cannot start (Unable to initialize backend 'cuda': no" in lines[0]
    )
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(RuntimeError):
        call(body)


def fail_with(error, cause=None):
    def body(values):
        raise error from cause

    return body


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/runs/a.npz"), 1, "/runs/a.npz: no space left on device"),
        (ValueError("OUT_OF_RANGE: writing 'x' [File too large]"), 1, "a file of the run: file too large; what was"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/runs"), 1, "/runs: permission denied; what was"),
        (KeyboardInterrupt(), 130, "interrupted; the same command continues from what was saved"),
    ],
)
def test_faults_of_the_machine_and_ctrl_c_are_one_line(capsys, error, status, words):
    assert call(fail_with(error)) == status
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1 and words in message


def test_the_fault_behind_another_error_is_named_and_our_own_errors_are_not_hidden(capsys):
    assert call(fail_with(RuntimeError("save failed"), OSError(errno.EROFS, os.strerror(errno.EROFS)))) == 1
    assert "read-only file system" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        call(fail_with(ZeroDivisionError("of ours")))
    with pytest.raises(FileNotFoundError):
        call(fail_with(FileNotFoundError(errno.ENOENT, "no such file", "x")))


def test_an_empty_path_is_not_the_current_folder(capsys):
    def define_workdir(values, arguments):
        flags.DEFINE_string("workdir", None, "folder of a run", flag_values=values)

    assert run_command(define_workdir, not_called, ["--workdir="], usage="") == 2
    assert "expected a path after --workdir, found none" in capsys.readouterr().err


def test_the_argument_without_a_flag_is_the_value_of_one_flag():
    given = ["--out", "o.csv", "a b", "--compilation-cache", "off", "c", "--nocost"]
    expected = ["--out=o.csv", "--new=a b", "--compilation-cache=off", "c", "--nocost"]
    assert expand_bare_argument(given, flag="new", with_value=("out",)) == expected


def test_a_key_of_the_configuration_without_its_prefix_is_recognised(capsys):
    def define_config_flag(values, arguments):
        flags.DEFINE_string("config", None, "preset", flag_values=values)

    assert run_command(define_config_flag, lambda values: 0, ["--data.crop=circle"], usage="") == 2
    assert "did you mean --config.data.crop?" in capsys.readouterr().err
