"""Flags of the commands, and how a command reports errors that the user can correct.

Flags are parsed before the modules that do the work are imported, so that --help and mistakes in flags are answered
at once.
"""

import ast
import difflib
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Collection, Sequence
from importlib.util import find_spec
from pathlib import Path

import absl.logging
from absl import flags
from ml_collections import ConfigDict, config_flags

PRESETS = "irl_inr_jax.presets"


def run_command(
    define_flags: Callable[[flags.FlagValues, Sequence[str]], None],
    body: Callable[[flags.FlagValues], int],
    arguments: Sequence[str],
    *,
    usage: str,
) -> int:
    """Parse `arguments`, call `body` with the flags and return its exit status.

    `define_flags(values, arguments)` defines the command's flags. --help prints `usage` and the flags. Mistakes in
    flags and InputError become one line on stderr and status 2; other exceptions are our own mistakes and propagate.
    """
    values = flags.FlagValues()
    if any(argument in ("-h", "-help", "--help") for argument in arguments):
        define_flags(values, [])
        define_compilation_cache(values)
        print(f"{usage.strip()}\n\nFlags:\n{describe_flags(values)}")
        return 0
    define_compilation_cache(values)
    problem = parse_arguments(values, define_flags, arguments)
    if problem:
        return fail(problem)
    return call_body(lambda: body(values), values)


def call_body(body: Callable[[], int], values: flags.FlagValues) -> int:
    """Start logging and the compilation cache, and return the status of `body`, or 2 after an InputError."""
    from irl_inr_jax.devices.compilation_cache import enable_compilation_cache
    from irl_inr_jax.types import InputError

    start_logging()
    try:
        enable_compilation_cache(values.compilation_cache)
        return body()
    except InputError as error:
        return fail(str(error))


def parse_arguments(
    values: flags.FlagValues,
    define_flags: Callable[[flags.FlagValues, Sequence[str]], None],
    arguments: Sequence[str],
) -> str:
    """Define the flags and parse `arguments` into `values`; return the mistake in them, or ''."""
    try:
        given = resolve_presets([_with_underscores(argument) for argument in arguments])
        define_flags(values, given)
        surplus = values(["", *given])[1:]
    # Parsing runs the user's configuration file, which may raise anything.
    except Exception as error:
        plain = isinstance(error, flags.Error | AttributeError) or type(error).__name__ == "InputError"
        text = str(error.args[0]) if error.args else str(error)  # str() of a KeyError is its repr
        message = text if plain else f"{type(error).__name__}: {text}"
        # absl quotes the whole traceback of a configuration file that raises
        return message.strip().splitlines()[-1] if "Traceback" in message else message
    return f"expected only flags, found {surplus[0]!r}; see --help" if surplus else ""


def define_config(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define --config and, for each --config.KEY among `arguments`, the flag that sets the key."""
    config_flags.DEFINE_config_file(
        "config",
        None,
        "name of a preset or path of a configuration file; after a colon its variants, as in mnist_u:small",
        flag_values=values,
        sys_argv=["", *arguments],
    )


def define_compilation_cache(values: flags.FlagValues) -> None:
    """Define --compilation_cache, which every command has."""
    flags.DEFINE_string(
        "compilation_cache",
        None,
        "folder of compiled programs that later runs reuse, or off; default: $JAX_COMPILATION_CACHE_DIR, or else "
        "irl_inr_jax in the user's cache folder",
        flag_values=values,
    )


def define_joining(values: flags.FlagValues) -> None:
    """Define the flags by which several processes train as one; `join_others` uses them."""
    flags.DEFINE_bool(
        "distributed",
        False,
        "train as one with the other processes of a cluster that JAX detects: a Slurm step, a TPU pod, Open MPI",
        flag_values=values,
    )
    flags.DEFINE_string(
        "coordinator_address", None, "HOST:PORT of process 0, the same in all processes", flag_values=values
    )
    flags.DEFINE_integer("num_processes", None, "number of processes that train as one", flag_values=values)
    flags.DEFINE_integer("process_id", None, "index of this process, from 0", flag_values=values)
    flags.DEFINE_integer(
        "join_seconds",
        300,
        "time that the processes wait for each other at the start",
        lower_bound=1,
        flag_values=values,
    )


def join_others(values: flags.FlagValues) -> None:
    """Join the other processes of the run if the flags request it; call before any other use of JAX."""
    from irl_inr_jax.devices.processes import start_processes

    peers = {name: values[name].value for name in ("coordinator_address", "num_processes", "process_id")}
    if values.distributed or any(value is not None for value in peers.values()):
        start_processes(**peers, timeout_seconds=values.join_seconds)


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
    folders = list(spec.submodule_search_locations or []) if spec else []
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
    from irl_inr_jax.config.storage import flatten
    from irl_inr_jax.types import InputError

    known = flatten(config)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.removeprefix("config.")
        if not equals or key.split(".")[0] not in blocks:
            raise InputError(
                f"expected --set KEY=VALUE with a key of {' or '.join(blocks)} in irl_inr_jax/config/base.py, such as "
                f"clustering.scan.num_epochs=20, found {assignment!r}"
            )
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1)
            hint = f"; the nearest is {nearest[0]}" if nearest else ""
            raise InputError(f"expected the keys of irl_inr_jax/config/base.py after --set, found {key}{hint}")
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        if isinstance(known[key], float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(known[key]):
            kind = type(known[key]).__name__
            raise InputError(f"expected a value of type {kind} for --set {key}, found {text!r}")
        config.update_from_flattened_dict({key: value})


def describe_flags(values: flags.FlagValues) -> str:
    """Return one paragraph per flag: its name, help text and default, in the order of definition."""
    paragraphs = []
    for name in values:
        flag = values[name]
        default = "" if flag.default is None else f" (default: {str(flag.default_as_str).strip(chr(39))})"
        label = f"--[no]{name}" if flag.boolean else f"--{name}"
        indent = " " * 8
        paragraphs.append(
            f"  {label}\n"
            + textwrap.fill(f"{flag.help}{default}", 116, initial_indent=indent, subsequent_indent=indent)
        )
    return "\n".join(paragraphs)


class PlainFormatter(logging.Formatter):
    """The message alone, preceded by its level from warnings upwards."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        return f"{record.levelname.lower()}: {message}" if record.levelno >= logging.WARNING else message


def start_logging() -> None:
    """Print the INFO lines of logger `irl_inr_jax` to stdout, and only the warnings of absl and orbax."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(PlainFormatter())
    logger = logging.getLogger("irl_inr_jax")
    logger.handlers[:] = [handler]
    logger.propagate = False  # libraries add handlers to the root logger
    logger.setLevel(logging.INFO)
    absl.logging.set_verbosity(absl.logging.WARNING)  # orbax logs every stage of a save as INFO


def fail(message: str) -> int:
    """Print the message as one line on stderr and return the exit status 2."""
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)
    return 2


def parse_flags() -> None:
    """Parse the command line into absl's global flags, for scripts that define theirs there; exit on mistakes."""
    if "compilation_cache" not in flags.FLAGS:
        define_compilation_cache(flags.FLAGS)
    if any(argument in ("-h", "-help", "--help") for argument in sys.argv[1:]):
        print(f"{(sys.modules['__main__'].__doc__ or '').strip()}\n\nFlags:\n{flags.FLAGS.main_module_help()}")
        sys.exit(0)
    problem = parse_arguments(flags.FLAGS, lambda values, arguments: None, sys.argv[1:])
    if problem:
        sys.exit(fail(problem))


def run_script(main: Callable[[], int]) -> None:
    """Call `main` after `parse_flags` and exit with its status."""
    sys.exit(call_body(main, flags.FLAGS))


def _with_underscores(argument: str) -> str:
    """Return --num_clusters=3 for --num-clusters=3: absl's flags have underscores, most other tools' have dashes."""
    name, equals, value = argument.partition("=")
    if not name.startswith("--"):
        return argument
    return "--" + name[2:].replace("-", "_") + equals + value
