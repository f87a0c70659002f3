"""Report what a data set contains, before any training: `irl-inr inspect`.

    irl-inr inspect DIR
    irl-inr inspect FILE.npy --data.labels_path=LABELS.csv
    irl-inr inspect --config wm811k --config.data.root=DIR

Reports the number, size and type of the images, the intensities that become black and white, the classes, whether the
images determine their rotation, and the time that a run would take. Takes the flags of `irl-inr train`; a folder or
file alone is read by the preset images:small, and --data.KEY=VALUE is short for --config.data.KEY=VALUE.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from irl_inr_jax.commands.configuration import define_config, read_config
from irl_inr_jax.commands.flags import expand_bare_argument, run_command

if TYPE_CHECKING:
    from irl_inr_jax.types import Dataset


def main(arguments: Sequence[str]) -> int:
    """Inspect the data set that `arguments` name and return the exit status."""
    return run_command(define_flags, run, expand_arguments(arguments), usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    define_config(values, arguments)
    flags.DEFINE_string(
        "output", "inspect", "folder for inspect.json, contact_sheet.png and histograms.png", flag_values=values
    )
    flags.DEFINE_bool(
        "cost",
        True,
        "take a few steps of this configuration to estimate the time and memory of a run",
        flag_values=values,
    )


def run(values: flags.FlagValues) -> int:
    """Print and plot the facts of the data set and return the exit status."""
    from irl_inr_jax.clustering.neighbours.training_neighbours import estimate_search_seconds
    from irl_inr_jax.config.checked_files import write_json
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.report.inspection_text import describe_cost, describe_inspection, describe_search
    from irl_inr_jax.training.cost import estimate_cost
    from irl_inr_jax.training.preconditions import find_obstacles
    from irl_inr_jax.training.progress import format_seconds

    config = read_config(values)
    assert config is not None  # `expand_arguments` names a preset
    check_config(config)
    dataset = make_dataset(config.data)
    folder = Path(values.output)
    facts = inspect_dataset(config, dataset, folder)
    obstacles = find_obstacles(config, dataset)
    print(describe_inspection(facts), flush=True)
    if values.cost and config.train.num_epochs > 0 and not obstacles:
        print("trying a few steps of this configuration …", flush=True)
        facts["cost"] = estimate_cost(config, dataset)._asdict()
        facts["cost"]["search_seconds"] = estimate_search_seconds(config, dataset)
        print(describe_cost(facts["cost"], config.train.batch_size, format_seconds(facts["cost"]["seconds"])))
        print(describe_search(facts["cost"]["search_seconds"]), end="")
    write_json(folder / "inspect.json", facts)
    print(f"{folder}: inspect.json, contact_sheet.png, histograms.png")
    return 0


def inspect_dataset(config: ConfigDict, dataset: "Dataset", folder: Path) -> dict:
    """Return the facts of the data set with advice, and save its contact sheet and histograms in `folder`."""
    from irl_inr_jax.data.description import describe_dataset, sample_images
    from irl_inr_jax.evaluation.fault_advice import find_faults
    from irl_inr_jax.evaluation.orientation import describe_orientation, find_advice, measure_orientation
    from irl_inr_jax.methods.pose import make_pose_form
    from irl_inr_jax.report.figures.inspection_figures import save_contact_sheet, save_histograms
    from irl_inr_jax.training.preconditions import find_obstacles

    sample = sample_images(dataset)
    facts = describe_dataset(dataset, sample)
    orientation = measure_orientation(dataset, sample, make_pose_form(config))
    facts["orientation"] = describe_orientation(orientation)
    facts["advice"] = [
        *find_obstacles(config, dataset),
        *find_faults(dataset, sample, same_scale=config.data.same_scale),
        *find_advice(facts, facts["orientation"]),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    save_contact_sheet(folder / "contact_sheet.png", dataset)
    save_histograms(folder / "histograms.png", dataset, sample.images, orientation)
    return facts


def expand_arguments(
    arguments: Sequence[str], *, preset: str = "images:small", with_value: Sequence[str] = ("output",)
) -> list[str]:
    """Return --config.data.KEY for --data.KEY and --config.data.path=PATH for a PATH.

    --config comes first, as ml_collections requires. Its default is `preset`; the networks of images:small also train
    on CPUs. with_value: names of flags that may be followed by their value.
    """
    config, others = preset, []
    for argument in expand_bare_argument(arguments, flag="config.data.path", with_value=("config", *with_value)):
        if argument.startswith("--config="):
            config = argument.removeprefix("--config=")
        else:
            others.append(f"--config.{argument[2:]}" if argument.startswith("--data.") else argument)
    return [f"--config={config}", *others]
