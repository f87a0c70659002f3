"""The phases of `irl-inr run`, its request and the chosen settings, kept in RESULTS/plan.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from irl_inr_jax.types import Dataset

FILE_NAME = "plan.json"
PHASES = ("inspect", "settings", "train", "cluster", "report")
# Options that the same results may be continued with: a longer training, another clustering.
MAY_DIFFER = ("--budget", "--num-clusters")


class Plan(NamedTuple):
    """A request, and what was chosen for it.

    request: option -> value, as `make_request` returns it. num_images, shape, digest: of the training images. settings:
    keys of the configuration that were chosen. summary: the choice and its cost in one line.
    """

    request: dict[str, Any]
    num_images: int
    shape: list[int]
    digest: str
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
    """Return the plan in `folder`, or None for a new folder; options in `MAY_DIFFER` are not compared.

    Raises InputError for a plan of another request, a file that is no plan, and a folder of another command.
    """
    from irl_inr_jax.config.checked_files import DamagedFile, read_json
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
        plan = Plan(**read_json(path))
    except (DamagedFile, TypeError) as error:
        raise InputError(
            f"expected a plan of irl-inr run in {path}, found something else or a damaged file: {error}; restore it, "
            f"or choose another --out"
        ) from None
    for name in {**plan.request, **request}:
        before, now = plan.request.get(name), request.get(name)
        if before != now and name not in MAY_DIFFER:
            raise InputError(
                f"expected the request of {path}, which has {_describe(name, before)}, found {_describe(name, now)}; "
                f"choose another --out, or the same request to continue"
            )
    return plan


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan in one step."""
    from irl_inr_jax.config.checked_files import write_json

    write_json(folder / FILE_NAME, plan._asdict())


def check_outside(out: Path, path: str) -> None:
    """Raise InputError for results within the folder of the images, which would be read as images."""
    from irl_inr_jax.data.readers.folder import is_pattern
    from irl_inr_jax.types import InputError

    if not path:
        return
    root = Path(path).expanduser().absolute()
    while is_pattern(root):
        root = root.parent
    if root.is_dir() and out.expanduser().resolve().is_relative_to(root.resolve()):
        raise InputError(
            f"expected --out outside the folder of the images, {root}, found {out}; the figures there would be read as "
            f"images: choose another folder"
        )


def check_same_images(plan: Plan, dataset: "Dataset", folder: Path) -> None:
    """Raise InputError if the images are not those of the plan."""
    from irl_inr_jax.data.description import digest_images
    from irl_inr_jax.types import InputError

    num_images, shape = len(dataset.train.ids), list(dataset.train.images.shape[1:])
    if (num_images, shape) != (plan.num_images, plan.shape):
        raise InputError(
            f"expected the {plan.num_images} images of {'x'.join(map(str, plan.shape))} that {folder} was made for, "
            f"found {num_images} of {'x'.join(map(str, shape))}; choose another --out for other images"
        )
    if plan.digest != digest_images(dataset.train):
        raise InputError(
            f"expected the images that {folder} was made for, found others, or other names of "
            f"them; choose another --out for other images"
        )


def announce(number: int, text: str) -> None:
    """Print the line that opens a phase."""
    print(f"{number}/{len(PHASES)} {PHASES[number - 1]}: {text}", flush=True)


def _describe(name: str, value: object) -> str:
    return f"no {name}" if value in (None, "") else f"{name} {value}"
