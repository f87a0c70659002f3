"""The configuration that a command is given: presets by name, --config.KEY=VALUE, and --set KEY=VALUE."""

import ast
import difflib
import os
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

PRESETS = "irl_inr_jax.presets"


def define_config(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define --config and, for each --config.KEY among `arguments`, the flag that sets the key.

    Raises InputError for a key that no configuration has.
    """
    names = [
        argument.removeprefix("--config.").partition("=")[0].partition("[")[0]
        for argument in arguments
        if argument.startswith("--config.")
    ]
    if names:  # --help needs no list of keys
        from irl_inr_jax.config.base import list_keys
        from irl_inr_jax.config.checks import check_names, flatten_keys

        check_names(names, flatten_keys(list_keys()))
    config_flags.DEFINE_config_file(
        "config",
        None,
        "name of a preset or path of a configuration file; after a colon its variants, as in mnist_u:small",
        flag_values=values,
        sys_argv=["", *arguments],
    )


def resolve_presets(arguments: Sequence[str]) -> list[str]:
    """Return `arguments` with a preset's name after --config replaced by the path of its file.

    Raises InputError for a name that is no preset, listing those there are.
    """
    resolved = list(arguments)
    for index, argument in enumerate(resolved):
        if argument == "--config" and index + 1 < len(resolved):
            resolved[index + 1] = find_preset(resolved[index + 1])
        elif argument.startswith("--config="):
            resolved[index] = f"--config={find_preset(argument.partition('=')[2])}"
    return resolved


def find_preset(name: str) -> str:
    """Return the path of the preset `name`, with the variants after its colon; the path of a file is returned as is."""
    stem, colon, variants = name.partition(":")
    if not stem or "/" in stem or os.sep in stem or stem.endswith(".py"):
        return name
    spec = find_spec(PRESETS)
    # A checkout has them beside the package, where they are not a part of it until it is installed.
    folders = list(spec.submodule_search_locations or []) if spec else [Path(__file__).parents[2] / "configs"]
    files = {path.stem: path for folder in folders for path in Path(folder).glob("[!_]*.py")}
    if stem not in files:
        from irl_inr_jax.types import InputError

        raise InputError(
            f"expected a preset among {', '.join(sorted(files))} or the path of a configuration file for --config, "
            f"found {stem!r}"
        )
    return f"{files[stem]}{colon}{variants}"


def read_config(values: flags.FlagValues) -> ConfigDict | None:
    """Return the configuration of --config, or None if it was not given.

    Raises InputError for a file that could not be loaded, which ml_collections reports only on the first use.
    """
    config = values["config"].value
    if config is not None:
        try:
            config.keys()
        except OSError as error:
            from irl_inr_jax.types import InputError

            raise InputError(f"expected a configuration file for --config: {error}") from None
    return config


def override_config(config: ConfigDict, assignments: Sequence[str], *, blocks: Collection[str]) -> None:
    """Set KEY=VALUE pairs such as clustering.scan.num_epochs=20; values are Python literals or else text.

    Raises InputError for another form, a key outside `blocks`, an unknown key or another type.
    """
    from irl_inr_jax.config.rules import MAX_INTEGER
    from irl_inr_jax.config.storage import flatten
    from irl_inr_jax.types import InputError

    known = flatten(config)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.removeprefix("config.")
        if not equals or key.split(".")[0] not in blocks:
            raise InputError(
                f"expected --set KEY=VALUE with a key of {' or '.join(blocks)} in irl_inr_jax/config, such as "
                f"clustering.scan.num_epochs=20, found {assignment!r}"
            )
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1)
            hint = f"; the nearest is {nearest[0]}" if nearest else ""
            raise InputError(f"expected the keys of irl_inr_jax/config after --set, found {key}{hint}")
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        if isinstance(known[key], float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if abs(value) <= MAX_INTEGER else value
        if type(value) is not type(known[key]):
            kind = type(known[key]).__name__
            raise InputError(f"expected a value of type {kind} for --set {key}, found {text[:100]!r}")
        config.update_from_flattened_dict({key: value})
