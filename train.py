"""Train the encoder of a configuration, as `irl-inr train` does.

python train.py --config configs/mnist_u.py:small --workdir runs/mnist --config.data.root=DIR
python train.py --help
"""

import sys

from irl_inr_jax.commands import train

if __name__ == "__main__":
    sys.exit(train.main(sys.argv[1:]))
