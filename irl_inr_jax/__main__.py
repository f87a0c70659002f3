"""What can be done with images besides learning from them.

    python -m irl_inr_jax inspect DIR
    python -m irl_inr_jax inspect FILE.npy --data.labels_path=LABELS.csv
    python -m irl_inr_jax inspect --config configs/wm811k.py --config.data.root=DIR

inspect shows, before any training, what was understood of a data set: how many images of what size and type, what
becomes black and white, which classes, whether the images say how they are turned, and how long a run would take. It
takes what train.py takes; a folder or file alone goes to configs/images.py, and --data.KEY=VALUE is short for
--config.data.KEY=VALUE.
"""

import json
import sys
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from irl_inr_jax.commands.flags import fail, parse_flags, read_config, run_script

CONFIG = config_flags.DEFINE_config_file("config", None, "a file of configs/, after a colon its variants")
OUTPUT = flags.DEFINE_string("output", "inspect", "folder for inspect.json, contact_sheet.png and histograms.png")
COST = flags.DEFINE_bool("cost", True, "try a few steps, to estimate the time and memory of a run")


def inspect() -> int:
    """Prints and draws what was understood of the data set that the configuration asks for; the exit status."""
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.data.datasets import make_dataset
    from irl_inr_jax.data.description import describe_dataset, sample_images
    from irl_inr_jax.evaluation.orientation import describe_orientation, find_advice, measure_orientation
    from irl_inr_jax.methods.pose import make_pose_form
    from irl_inr_jax.report.figures.inspection_figures import save_contact_sheet, save_histograms
    from irl_inr_jax.report.inspection_text import describe_cost, describe_inspection
    from irl_inr_jax.training.cost import estimate_cost
    from irl_inr_jax.training.progress import format_seconds

    config = read_config(CONFIG)
    check_config(config, config)
    dataset = make_dataset(config.data)
    sample = sample_images(dataset)
    facts = describe_dataset(dataset, sample)
    orientation = measure_orientation(dataset, sample, make_pose_form(config))
    facts["orientation"] = describe_orientation(orientation)
    facts["advice"] = find_advice(facts, facts["orientation"])
    folder = Path(OUTPUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    save_contact_sheet(folder / "contact_sheet.png", dataset)
    save_histograms(folder / "histograms.png", dataset, sample.images, orientation)
    print(describe_inspection(facts), flush=True)
    if COST.value and config.train.num_epochs:
        print("trying a few steps …", flush=True)
        facts["cost"] = estimate_cost(config, dataset)._asdict()
        duration = format_seconds(facts["cost"]["seconds"])
        print(describe_cost(facts["cost"], config.train.batch_size, duration))
    (folder / "inspect.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{folder}: inspect.json, contact_sheet.png, histograms.png")
    return 0


VERBS = {"inspect": inspect}
_WITH_VALUE = ("--config", "--output")  # flags that may be followed by their value


def expand_arguments(arguments: list[str]) -> list[str]:
    """--data.KEY as --config.data.KEY, and a bare PATH as config.data.path; configs/images.py where none is named.

    --config comes first, as ml_collections wants it.
    """
    config, others, left = "configs/images.py", [], list(arguments)
    while left:
        argument = left.pop(0)
        name, equals, value = argument.partition("=")
        if name in _WITH_VALUE and not equals and left:
            value = left.pop(0)
            argument = f"{name}={value}"
        if name == "--config":
            config = value
        elif argument.startswith("--data."):
            others.append(f"--config.{argument[2:]}")
        elif argument.startswith("-"):
            others.append(argument)
        else:
            others.append(f"--config.data.path={argument}")
    return [f"--config={config}", *others]


def main() -> None:
    """Runs the verb that comes first on the command line."""
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb in ("", "-h", "--help"):
        print(__doc__)
        sys.exit(0)
    if verb not in VERBS:
        sys.exit(fail(f"expected one of {', '.join(VERBS)} after python -m irl_inr_jax, found {verb!r}; see --help"))
    sys.argv[1:] = expand_arguments(sys.argv[2:])
    parse_flags()
    run_script(VERBS[verb])


if __name__ == "__main__":
    main()
