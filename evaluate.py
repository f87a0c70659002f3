"""Cluster the images of a trained run by their latents, and score the clusters.

    python evaluate.py --workdir runs/digits
    python evaluate.py --workdir runs/digits --clusterers kmeans,scan --seeds 5
    python evaluate.py --workdir runs/mine --clusterers all --num-clusters auto
    python evaluate.py --workdir runs/mine --clusterers scan --set clustering.scan.augment=r+t

Where a test split is held out, clusterers are fitted to the training split and assign the test split, unless
--transductive is given or they can only cluster the images they are fitted to; the table reports which. --num-clusters
auto recommends a number of clusters, or reports that there is no clear one. --set changes the settings of clusterers,
which irl_inr_jax/config/base.py documents. --report scores omits figures, pose, invariance and reconstruction.

Prints one table and writes DIR/eval: results.json (every number), clusters.csv (id, cluster and confidence by each
clusterer, outlier score), embeddings.npz (id, latents, theta, tau, label) and figures as PNG. Clusterings are stored in
DIR/eval/clusterings, so that a later call computes only those that are missing.
"""

import sys

from irl_inr_jax.commands import evaluate

if __name__ == "__main__":
    sys.exit(evaluate.main(sys.argv[1:], usage=__doc__ or ""))
