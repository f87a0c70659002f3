"""Test presets by name and settings on the command line."""

from pathlib import Path

import pytest

from irl_inr_jax.commands import configuration
from irl_inr_jax.commands.configuration import find_preset, override_config, resolve_presets
from irl_inr_jax.config import base
from irl_inr_jax.config.storage import AFTER_TRAINING
from irl_inr_jax.types import InputError
from tests.conftest import ROOT


def test_a_preset_is_found_by_its_name_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, _, variants = find_preset("mnist_u:small,thesis").partition(":")
    assert Path(path).is_absolute() and Path(path).name == "mnist_u.py" and variants == "small,thesis"
    assert Path(find_preset("tiny")).is_file()


def test_presets_of_a_checkout_are_found_when_the_installed_package_is_another(monkeypatch):
    monkeypatch.setattr(configuration, "find_spec", lambda name: None)
    assert Path(find_preset("tiny")) == ROOT / "configs" / "tiny.py"


def test_a_path_is_returned_as_it_is():
    for path in ("configs/mnist_u.py:small", "mine.py", "/somewhere/mine.py:a,b", "folder/mine", ""):
        assert find_preset(path) == path


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(InputError, match=r"a preset among digits_u, .*tiny, .*wm811k or the path of .*'mnistu'"):
        find_preset("mnistu:small")
    with pytest.raises(InputError, match="found '__init__'"):
        find_preset("__init__")


def test_both_forms_of_the_flag_are_resolved_and_other_arguments_kept():
    path = find_preset("tiny")
    assert resolve_presets(["--config", "tiny", "--config.seed=1"]) == ["--config", path, "--config.seed=1"]
    assert resolve_presets(["--workdir", "tiny", "--config=tiny"]) == ["--workdir", "tiny", f"--config={path}"]
    assert resolve_presets(["--config"]) == ["--config"]


def test_settings_are_converted_to_the_type_of_their_default():
    config = base.get_config()
    override_config(
        config,
        [
            "clustering.scan.num_epochs=7",
            "config.clustering.scan.learning_rate=1",
            "clustering.scan.augment=s1+r",
            "clustering.scan.prior=(1.0, 2.0)",
            "evaluation.max_clusters=5",
        ],
        blocks=AFTER_TRAINING,
    )
    scan = config.clustering.scan
    assert (scan.num_epochs, scan.learning_rate, scan.augment, tuple(scan.prior)) == (7, 1.0, "s1+r", (1.0, 2.0))
    assert isinstance(scan.learning_rate, float) and config.evaluation.max_clusters == 5


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "clustering.scan.num_epoch=3",
            r"after --set, found clustering\.scan\.num_epoch; the nearest is .*num_epochs$",
        ),
        ("clustering.scan.num_epochs", r"expected --set KEY=VALUE .* found 'clustering\.scan\.num_epochs'"),
        ("train.batch_size=3", r"a key of evaluation or clustering .* found 'train\.batch_size=3'"),
        ("augment.flip=True", r"a key of evaluation or clustering .* found 'augment\.flip=True'"),
        ("clustering.scan.num_epochs=2.5", r"a value of type int for --set clustering\.scan\.num_epochs, found '2\.5'"),
        ("clustering.scan.num_epochs=True", r"a value of type int"),
        ("clustering.scan.learning_rate=fast", r"a value of type float"),
    ],
)
def test_invalid_settings_are_refused_and_nothing_changes(assignment, message):
    config = base.get_config()
    with pytest.raises(InputError, match=message):
        override_config(config, [assignment], blocks=AFTER_TRAINING)
    assert config.to_dict() == base.get_config().to_dict()
