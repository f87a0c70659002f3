"""Flags of the commands, and how a command reports errors that the user can correct.

Flags are parsed before the modules that do the work are imported, so that --help and errors in flags are reported at
once.
"""

import difflib
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence

from absl import flags

from irl_inr_jax.commands.configuration import resolve_presets
from irl_inr_jax.commands.console import describe_fault, fail, prepare_output, report_failure, start_logging

PLACES = ("workdir", "out", "to", "model")  # flags that name a file or folder and are None if they are not given


def run_command(
    define_flags: Callable[[flags.FlagValues, Sequence[str]], None],
    body: Callable[[flags.FlagValues], int],
    arguments: Sequence[str],
    *,
    usage: str,
) -> int:
    """Parse `arguments`, call `body` with the flags and return its exit status.

    `define_flags(values, arguments)` defines the command's flags. --help prints `usage` and the flags. Errors in
    flags and InputError become one line on stderr and status 2; other exceptions propagate.
    """
    prepare_output()
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
    """Start logging and the compilation cache, and return the status of `body`.

    It is 2 after an InputError, and if JAX cannot use the devices that JAX_PLATFORMS names; 1 after a fault of the
    machine such as a full disk, and 130 after Ctrl-C. Each is one line on stderr.
    """
    from irl_inr_jax.devices.compilation_cache import enable_compilation_cache
    from irl_inr_jax.devices.compute import describe_missing_backend
    from irl_inr_jax.types import InputError

    start_logging()
    try:
        enable_compilation_cache(values.compilation_cache)
        return body()
    except InputError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return report_failure("interrupted; the same command continues from what was saved", 128 + signal.SIGINT)
    except Exception as error:
        fault = describe_fault(error)
        if fault is not None:
            return report_failure(fault, 1)
        problem = describe_missing_backend()
        if problem:
            return fail(problem)
        raise


def parse_arguments(
    values: flags.FlagValues,
    define_flags: Callable[[flags.FlagValues, Sequence[str]], None],
    arguments: Sequence[str],
) -> str:
    """Define the flags and parse `arguments` into `values`; return the error in them, or ''."""
    try:
        given = resolve_presets([_with_underscores(argument) for argument in arguments])
        define_flags(values, given)
        surplus = values(["", *given])[1:]
    except flags.UnrecognizedFlagError as error:
        similar = difflib.get_close_matches(error.flagname, list(values), n=1)
        similar = [f"config.{error.flagname}"] if "config" in values and "." in error.flagname else similar
        hint = f"did you mean --{similar[0]}?" if similar else "see --help"
        return f"expected the flags of --help, found --{error.flagname}; {hint}"
    # Parsing runs the user's configuration file, which may raise anything.
    except Exception as error:
        plain = isinstance(error, flags.Error | AttributeError) or type(error).__name__ == "InputError"
        text = str(error.args[0]) if error.args else str(error)  # str() of a KeyError is its repr
        message = text if plain else f"{type(error).__name__}: {text}"
        # absl quotes the whole traceback of a configuration file that raises
        return message.strip().splitlines()[-1].removeprefix("ValueError: ") if "Traceback" in message else message
    if surplus:
        return f"expected only flags, found {surplus[0]!r}; see --help"
    empty = [name for name in PLACES if name in values and values[name].present and values[name].value == ""]
    return f"expected a path after --{empty[0]}, found none; see --help" if empty else ""


def expand_bare_argument(arguments: Sequence[str], *, flag: str, with_value: Sequence[str]) -> list[str]:
    """Return --FLAG=NAME for the NAME without a flag; a second NAME is left for the parser to refuse.

    with_value: names of other flags whose value may be an argument of its own.
    """
    names = {*with_value, flag, "compilation_cache"}
    expanded, left, has_name = [], list(arguments), False
    while left:
        argument = left.pop(0)
        if argument.startswith("--") and argument[2:].replace("-", "_") in names and left:
            argument = f"{argument}={left.pop(0)}"
        elif not argument.startswith("-") and not has_name:
            argument, has_name = f"--{flag}={argument}", True
        expanded.append(argument)
    return expanded


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


def describe_flags(values: flags.FlagValues) -> str:
    """Return one paragraph per flag: its name, help text and default, in the order of definition."""
    paragraphs = []
    for name in values:
        flag = values[name]
        default = f" (default: {str(flag.default_as_str).strip(chr(39))})" if flag.default not in (None, "", []) else ""
        label = f"--[no]{name}" if flag.boolean else f"--{name}"
        indent = " " * 8
        paragraphs.append(
            f"  {label}\n"
            + textwrap.fill(f"{flag.help}{default}", 116, initial_indent=indent, subsequent_indent=indent)
        )
    return "\n".join(paragraphs)


def parse_flags() -> None:
    """Parse the command line into absl's global flags, for scripts that define theirs there; exit on errors."""
    prepare_output()
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
