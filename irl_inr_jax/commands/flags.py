"""How the scripts meet their user: flags are read, and whatever the user got wrong becomes one line and status 2.

A script reads its flags before it imports what does the work, so that --help and mistakes in flags are answered at once
and not after the seconds that scikit-learn, matplotlib, orbax and others take to import.
"""

import ast
import difflib
import os
import sys
from collections.abc import Callable, Collection

from absl import app, flags, logging
from ml_collections import ConfigDict

from irl_inr_jax.devices.compilation_cache import OFF, enable_compilation_cache
from irl_inr_jax.types import InputError

COMPILATION_CACHE = flags.DEFINE_string(
    "compilation_cache",
    None,
    f"folder where compiled programs are kept for the next run, or {OFF}; default: $JAX_COMPILATION_CACHE_DIR, or else "
    "irl_inr_jax in the user's cache folder",
)


def run_script(main: Callable[[], int]) -> None:
    """Calls `main` and exits with what it returns; InputError exits with 2 and one line on stderr.

    The flags were read before by `parse_flags`. A process that has joined others ends without waiting for them.
    """

    def guarded(argv: list[str]) -> int:
        logging.set_verbosity(logging.WARNING)  # orbax tells every step of a save at the level of information
        try:
            enable_compilation_cache(COMPILATION_CACHE.value)
            return main()
        except InputError as error:
            status = fail(str(error))
        from irl_inr_jax.devices.processes import leave  # which --help need not wait for

        return leave(status)

    app.run(guarded, flags_parser=lambda argv: argv[:1])


def define_joining() -> Callable[[], None]:
    """Defines the flags by which several processes train as one.

    Returns a function that joins them as the flags say, to be called after parsing and before any other use of JAX.
    """
    mode = flags.DEFINE_enum("distributed", "auto", ["auto", "on", "off"], "train with other processes as one")
    address = flags.DEFINE_string("coordinator_address", None, "HOST:PORT of process 0, the same in all processes")
    num_processes = flags.DEFINE_integer("num_processes", None, "how many processes train as one")
    process_id = flags.DEFINE_integer("process_id", None, "which of them this is, from 0")
    seconds = flags.DEFINE_integer(
        "join_seconds", 300, "how long the processes wait for each other at the start", lower_bound=1
    )

    def join_others() -> None:
        from irl_inr_jax.devices.processes import is_one_of_many, join

        peers = {
            "coordinator_address": address.value,
            "num_processes": num_processes.value,
            "process_id": process_id.value,
        }
        if is_one_of_many(mode.value, **peers, environment=os.environ):
            join(**peers, wait_seconds=seconds.value)

    return join_others


def override_config(config: ConfigDict, assignments: list[str], *, blocks: Collection[str]) -> None:
    """Sets KEY=VALUE pairs such as clustering.scan.num_epochs=20, values read as Python or else as text.

    Raises InputError for another form, a key outside the `blocks`, an unknown one, or another type.
    """
    from irl_inr_jax.config.storage import flatten  # which knows all methods, and imports them

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


def fail(message: str) -> int:
    """Prints the message as one line and returns the exit status 2."""
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)
    return 2


def parse_flags() -> None:
    """Reads the flags off the command line, or answers --help. Exits with 2 and one line on stderr for mistakes."""
    if any(argument in ("-h", "-help", "--help") for argument in sys.argv[1:]):
        app.usage(writeto_stdout=True)
        sys.exit(0)
    app.define_help_flags()
    try:
        left = flags.FLAGS([sys.argv[0], *_with_values([_with_underscores(part) for part in sys.argv[1:]])])[1:]
    # Reading flags runs the user's configuration file, which may raise anything.
    except Exception as error:
        kind = "" if isinstance(error, flags.Error | InputError | AttributeError) else f"{type(error).__name__}: "
        message = f"{kind}{error}"
        if "Traceback" in message:  # absl quotes the whole one of a configuration file that raises
            message = message.strip().splitlines()[-1]
        sys.exit(fail(message))
    if left:
        sys.exit(fail(f"expected only flags, found {left[0]!r}; see --help"))


def _with_underscores(argument: str) -> str:
    """--num-clusters=3 as --num_clusters=3: absl's flags have underscores, most other tools' have dashes."""
    name, equals, value = argument.partition("=")
    if not name.startswith("--"):
        return argument
    return "--" + name[2:].replace("-", "_") + equals + value


def _with_values(arguments: list[str]) -> list[str]:
    """--distributed on its own as --distributed=on."""
    followers = [*arguments, "--"][1:]
    return [
        "--distributed=on" if argument == "--distributed" and follower.startswith("-") else argument
        for argument, follower in zip(arguments, followers, strict=True)
    ]


def read_config(holder: flags.FlagHolder) -> ConfigDict | None:
    """The configuration that --config names, or None where it was not given.

    Raises InputError for a file that could not be loaded, which ml_collections reports only when it is first used.
    """
    if holder.value is None:
        return None
    try:
        holder.value.keys()
    except OSError as error:
        raise InputError(f"expected a file of configs/ for --config: {error}") from None
    return holder.value
