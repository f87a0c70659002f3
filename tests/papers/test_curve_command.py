"""The command line of curves."""

import pytest

from papers import __main__ as papers_main
from papers import curve_command
from papers.curves import CURVES
from papers.runner import StoppedError


@pytest.fixture
def followed(monkeypatch):
    """The calls of `follow_curve`, which does nothing."""
    calls = []
    monkeypatch.setattr(curve_command, "follow_curve", lambda *arguments, **options: calls.append((arguments, options)))
    return calls


def test_the_named_curves_are_followed_in_turn_with_the_flags(followed, tmp_path, capsys):
    arguments = ["curve", "irl_inr_mnist_u", "simclr", "--hours=2", "--num_epochs", "5", "--evaluate_on_cpu", "--final"]
    arguments += [
        f"--workdir={tmp_path}",
        "--root=/data",
        "--set",
        "loss.symmetry=1.5",
        "--set=clustering.scan.num_epochs=2",
    ]
    assert papers_main.main(arguments) == 0
    assert [curve.name for (_, curve, _), _ in followed] == ["irl_inr_mnist_u", "simclr"]
    (workspace, curve, settings), options = followed[0]
    assert workspace == (tmp_path, "/data", "long") and curve == CURVES["irl_inr_mnist_u"]
    assert settings == (("loss.symmetry", 1.5),)
    assert options["limits"] == (5, 2.0) and options["on_cpu"] and options["with_final"]
    assert options["evaluation_settings"] == (("clustering.scan.num_epochs", 2),)
    assert "[2 of 2] simclr" in capsys.readouterr().out


def test_a_stopped_curve_ends_the_command(monkeypatch, capsys):
    def stop(*arguments, **options):
        raise StoppedError(143, by_signal=True)

    monkeypatch.setattr(curve_command, "follow_curve", stop)
    assert papers_main.main(["curve", "thesis", "simclr"]) == 143
    output = capsys.readouterr().out
    assert "the same command continues" in output and "simclr" not in output


def test_invalid_arguments_are_refused(followed, tmp_path, capsys):
    for arguments, expected in (
        (["curve"], f"expected curves among {', '.join(CURVES)} after curve, found none"),
        (["curve", "theses"], "found 'theses'"),
        (["curve", "thesis", "--scale=small"], "small"),
        (["curve", "thesis", "--hours=-1"], "--hours"),
        (["curve", "thesis", "--set", "loss.symmetry"], "expected --set KEY=VALUE"),
        (["curve", "thesis", "--set", "loss.symetry=1.0"], "the nearest is loss.symmetry"),
        (["curve", "thesis", "--set", "data.num_train=abc"], "expected a value of type int"),
        (["curve", "thesis", "spatial_vae", "--final"], "expected a curve among thesis"),
        (["curves", "thesis"], "expected only flags after curves, found 'thesis'"),
        (["curves", f"--workdir={tmp_path}", f"--output={tmp_path}"], "expected runs of python -m papers curve"),
    ):
        assert papers_main.main(arguments) == 2
        output = capsys.readouterr()
        message = output.err.splitlines()[-1]
        assert message.startswith("error: ") and expected in message, arguments
    assert followed == []


def test_help_shows_the_flags(capsys):
    assert papers_main.main(["curve", "--help"]) == 0
    output = capsys.readouterr().out
    assert "evaluate_on_cpu" in output and "python -m papers curve simclr --hours 2" in output
    assert "--final uses the accelerator" in " ".join(output.split())
    assert papers_main.main(["--help"]) == 0
    for text in (output, capsys.readouterr().out):
        assert all(f"  {name} " in text and curve.title in text for name, curve in CURVES.items())
