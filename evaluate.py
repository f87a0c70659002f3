"""Cluster and score the images of a trained run, as `irl-inr evaluate` does.

python evaluate.py --workdir runs/mnist --clusterers kmeans,scan
python evaluate.py --help
"""

import sys

from irl_inr_jax.commands import evaluate

if __name__ == "__main__":
    sys.exit(evaluate.main(sys.argv[1:]))
