"""Train an encoder of images whose latents do not depend on rotation and translation.

    python train.py --config configs/digits_u.py --workdir runs/digits
    python train.py --config configs/mnist_u.py:small --workdir runs/mnist --config.data.root=DIR
    python train.py --config configs/images.py:small --workdir runs/mine --config.data.path=DIR

The configuration sets the data, the method and the length of the run; irl_inr_jax/config/base.py documents every key,
and each can be set here as --config.KEY=VALUE. A colon chooses variants: configs/mnist_u.py:paper,
configs/mnist_u.py:thesis,small. The same command continues a run that was stopped. The next command is
python evaluate.py --workdir DIR. All devices of this host are used; for several hosts see docs/devices.md.
"""

import sys

from irl_inr_jax.commands import train

if __name__ == "__main__":
    sys.exit(train.main(sys.argv[1:], usage=__doc__ or ""))
