"""The request and the chosen settings of `irl-inr run`, kept in RESULTS/plan.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

FILE_NAME = "plan.json"


class Plan(NamedTuple):
    """A request, and what was chosen for it.

    request: option -> value, as `make_request` returns it. num_images, shape: of the training images. settings: keys of
    the configuration that were chosen. summary: the choice and its cost in one line.
    """

    request: dict[str, Any]
    num_images: int
    shape: list[int]
    settings: dict[str, Any]
    summary: str


def list_overrides(arguments: Sequence[str]) -> list[str]:
    """Return the dotted names of the keys that --config.KEY sets among `arguments`."""
    names = [argument.partition("=")[0] for argument in arguments if argument.startswith("--config.")]
    return sorted({name.removeprefix("--config.").partition("[")[0] for name in names})


def make_request(
    *, path: str, preset: str | None, overrides: dict[str, Any], num_clusters: str, budget: float | None
) -> dict[str, Any]:
    """Return the request in the form in which it is stored and compared.

    path: made absolute, so that the command may be repeated from another folder. budget: minutes, None for the default.
    """
    request = {
        "path": str(Path(path).expanduser().absolute()) if path else "",
        "--config": preset,
        "--num-clusters": num_clusters,
        "--budget": budget,
    }
    request |= {f"--config.{key}": value for key, value in overrides.items() if key != "data.path"}
    return json.loads(json.dumps(request))


def read_plan(folder: Path, request: dict[str, Any]) -> Plan | None:
    """Return the plan in `folder`, or None for a new folder.

    Raises InputError for a plan of another request, a file that is no plan, and a folder of another command.
    """
    from irl_inr_jax.types import InputError

    path = folder / FILE_NAME
    if not path.exists():
        if (folder / "config.json").exists():
            raise InputError(
                f"expected --out to name a new folder or one of irl-inr run, found a run of irl-inr train in {folder}; "
                f"choose another folder"
            )
        if folder.exists() and not folder.is_dir():
            raise InputError(f"expected --out to name a folder, found the file {folder}")
        return None
    try:
        plan = Plan(**json.loads(path.read_text()))
    except (json.JSONDecodeError, TypeError) as error:
        raise InputError(f"expected a plan of irl-inr run in {path}, found something else: {error}") from None
    for name in {**plan.request, **request}:
        before, now = plan.request.get(name), request.get(name)
        if before != now:
            raise InputError(
                f"expected the request of {path}, which has {_describe(name, before)}, found {_describe(name, now)}; "
                f"choose another --out, or the same request to continue"
            )
    return plan


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan in one step."""
    from irl_inr_jax.config.storage import write_in_one_step

    write_in_one_step(folder / FILE_NAME, json.dumps(plan._asdict(), indent=2) + "\n")


def _describe(name: str, value: object) -> str:
    return f"no {name}" if value in (None, "") else f"{name} {value}"
