"""Train the encoder of a configuration: `irl-inr train`.

    irl-inr train --config digits_u --workdir runs/digits
    irl-inr train --config mnist_u:small --workdir runs/mnist --config.data.root=DIR
    irl-inr train --config images:small --workdir runs/mine --config.data.path=DIR

The configuration sets the data, the method and the length of the run; irl_inr_jax/config/base.py documents every key,
and each can be set here as --config.KEY=VALUE. A colon chooses variants: mnist_u:paper, mnist_u:thesis,small. The same
command continues a run that was stopped, and with a larger --config.train.num_epochs also one that is finished. With
--config.train.holdout=0.05 --config.train.patience=5 training ends when the loss on held-out images no longer falls.
The next command is irl-inr evaluate --workdir DIR. All devices of this host are used; for several hosts see
docs/devices.md. In a checkout, python train.py takes the same flags, and --config also the path of a file:
configs/mnist_u.py:small.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from irl_inr_jax.commands.configuration import define_config, read_config
from irl_inr_jax.commands.flags import define_joining, join_others, run_command

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Train as `arguments` request and return the exit status."""
    return run_command(define_flags, run, arguments, usage=__doc__ or "")


def define_flags(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Define the flags of this command."""
    define_config(values, arguments)
    flags.DEFINE_string("workdir", None, "folder of the run, for all the files it writes", flag_values=values)
    define_joining(values)


def run(values: flags.FlagValues) -> int:
    """Join the other processes of the run, if there are any, and train with them; return the exit status."""
    from irl_inr_jax.config.checks import check_config
    from irl_inr_jax.config.storage import to_json
    from irl_inr_jax.devices.processes import check_same_everywhere, is_first_process
    from irl_inr_jax.types import InputError
    from irl_inr_jax.workflows.train_run import load_dataset, train

    config = read_config(values)
    if config is None or values.workdir is None:
        raise InputError("expected --config NAME and --workdir DIR; see --help")
    workdir = Path(values.workdir)
    check_config(config)
    join_others(values)
    if not is_first_process():
        logging.getLogger("irl_inr_jax").setLevel(logging.WARNING)
    check_same_everywhere(f"{workdir}\n{to_json(config)}")
    status = train(config, workdir, load_dataset(config))
    if not status:
        logger.info(f"done: {workdir}/checkpoints holds the last state. Next: irl-inr evaluate --workdir {workdir}")
    return status
