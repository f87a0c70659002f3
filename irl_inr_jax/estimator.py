"""The estimator: fit images, predict clusters of new ones, save and load, in scikit-learn's words.

    from irl_inr_jax import IRLINR
    model = IRLINR(n_clusters=10).fit(images)
    model.labels_, model.embedding_, model.theta_
    model.predict(new_images)
    model.save("model.irl")

A thin front of what `irl-inr run`, `save` and `assign` call. Modules are imported where they are used, so that
`import irl_inr_jax` is immediate.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from irl_inr_jax.estimator_protocol import EstimatorProtocol

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from irl_inr_jax.deployment.applied_model import AppliedModel
    from irl_inr_jax.deployment.model_bundle import ModelBundle, Reference
    from irl_inr_jax.deployment.model_views import KnownNeighbours
    from irl_inr_jax.workflows.fit_model import KnownImages


class IRLINR(EstimatorProtocol):
    """Cluster images by what they show, independent of how they are rotated and shifted.

    Images are an array (n, h, w) or (n, h, w, c) of uint8, uint16, bool or floats, a list of arrays or of paths, the
    path of a folder or of a file of many images, or an `irl_inr_jax.types.Dataset`. New images are read by the rule
    learnt from these: smaller ones are padded and resized alike, larger ones than the largest raise an error; the same
    values in another type are recognised (floats that are integers, or exactly integers divided by the type's largest);
    a range that cannot be that of these images raises an error. Floats that differ by a factor of less than about 8
    cannot be told apart.

    Parameters
    ----------
    n_clusters : int or None
        Number of clusters. None: the number of classes if the images have labels, else chosen from the latents.
    clusterer : str
        Whose clusters `labels_` and `predict` give, such as 'kmeans' or 'orbit_selflabel'.
    config : ConfigDict or None
        A configuration of irl_inr_jax.config. None chooses the settings for the images and the machine.
    settings : dict or None
        Keys of the configuration to set, such as {'train.num_epochs': 50, 'data.resize': 32}.
    budget : float or None
        Minutes of training that its length is estimated for; 0 for no bound. None: 20 on a CPU, no bound on other
        devices, and the length of `config` if that is given.
    random_state : int, numpy.random.RandomState or None
        Seed of parameters, shuffling, views and clusterers. None uses that of the configuration, so fits repeat.
    workdir : path or None
        Folder for checkpoints and the evaluation, from which an interrupted fit continues. None: a temporary one.
    verbose : bool
        Show the progress, in a notebook as a bar.

    Attributes
    ----------
    labels_ : (n,) cluster of each image, -1 for noise. clusters_ : the same by each clusterer that was computed.
    embedding_ : (n, d) latents z. theta_ : (n,) rotation in radians, counter-clockwise. tau_ : (n, 2) shift in half
    sides, to the right and up. Both are None for a method without pose.
    confidence_ : (n,) of the cluster, in [0, 1]. outlier_score_ : (n,) about 1, higher for isolated images.
    ids_ : (n,) ids of the images. n_clusters_ : number of clusters. verdict_ : list of findings on the fit.
    model_ : the `irl_inr_jax.deployment.bundle.ModelBundle` that `save` writes.
    After `load` the arrays are those of the images in the file, which may be a sample of the fitted ones.
    """

    def __init__(
        self,
        n_clusters: Any = None,
        *,
        clusterer: Any = "kmeans",
        config: Any = None,
        settings: Any = None,
        budget: Any = None,
        random_state: Any = None,
        workdir: Any = None,
        verbose: Any = True,
    ):  # values are checked in `fit`, as scikit-learn's are
        self.n_clusters = n_clusters
        self.clusterer = clusterer
        self.config = config
        self.settings = settings
        self.budget = budget
        self.random_state = random_state
        self.workdir = workdir
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "IRLINR":
        """Train on images, cluster them and return the estimator. y: ignored.

        Raises InputError, a ValueError, for images and parameters that cannot be used.
        """
        from irl_inr_jax.devices.compilation_cache import enable_compilation_cache
        from irl_inr_jax.training.progress import hide_progress
        from irl_inr_jax.workflows.fit_model import fit_model
        from irl_inr_jax.workflows.model_options import make_model_options

        enable_compilation_cache(None)
        with hide_progress(hide=not self.verbose):
            fitted = fit_model(X, make_model_options(self.get_params()))
        return self._set_fitted(fitted.bundle, fitted.known)

    def predict(self, X: Any) -> "np.ndarray":
        """Return the cluster (n,) of each new image; a single image (h, w) or (h, w, c) is an array of one."""
        return self._apply(X).clusters(self.clusterer)[0]

    def fit_predict(self, X: Any, y: Any = None) -> "np.ndarray":
        """Return `labels_` after `fit`."""
        return self.fit(X).labels_

    def transform(self, X: Any) -> "np.ndarray":
        """Return the latents (n, d) of new images."""
        return self._apply(X).latents

    def fit_transform(self, X: Any, y: Any = None) -> "np.ndarray":
        """Return `embedding_` after `fit`."""
        return self.fit(X).embedding_

    def outlier_scores(self, X: Any) -> "np.ndarray":
        """Return the outlier score (n,) of each new image among the known ones; higher means more isolated."""
        return self._apply(X).nearest.outlier_scores

    def align(self, X: Any, *, side: int = 0) -> "np.ndarray":
        """Return new images (n, side, side, c) rotated and shifted upright, in the type of the training images.

        side: in pixels; 0 is that of the largest image of the training. Raises InputError for a method without pose.
        """
        return self._apply(X).align(side)

    def reconstruct(self, X: Any) -> "np.ndarray":
        """Return the decoder's images (n, s, s, c) of new images, in the values of the training images, as float32.

        Raises InputError for a method without a decoder.
        """
        return self._apply(X).reconstruct()

    def similar(self, image: Any, n: int = 24) -> "KnownNeighbours":
        """Return the n known images most similar to one image under all rotations: ids, similarity, angles, images."""
        from irl_inr_jax.training.progress import hide_progress

        with hide_progress():
            return self._apply(image).find_similar(n)

    def save(self, path: "str | Path") -> None:
        """Write the model as one file NAME.irl, which needs neither the images nor this package's checkout to load."""
        from irl_inr_jax.deployment.bundle import save_bundle
        from irl_inr_jax.deployment.bundle_file import digest_bundle

        bundle = self._require_fit()
        bundle = bundle._replace(facts={**bundle.facts, "clusterer": self.clusterer})
        save_bundle(Path(path), bundle._replace(digest=digest_bundle(bundle)))

    @classmethod
    def load(cls, path: "str | Path") -> "IRLINR":
        """Return the estimator of a file that `save` or `irl-inr save` wrote. Nothing in it is executed."""
        from irl_inr_jax.deployment.bundle import load_bundle
        from irl_inr_jax.devices.compilation_cache import enable_compilation_cache

        enable_compilation_cache(None)
        bundle = load_bundle(Path(path))
        clusterer = bundle.facts.get("clusterer", bundle.clusterers[0])
        model = cls(n_clusters=bundle.facts["num_clusters"], clusterer=clusterer, config=bundle.config)
        return model._set_fitted(bundle, bundle.reference)

    def plot_clusters(self, n: int = 10, *, ax: "Axes | None" = None) -> "Axes":
        """Draw n typical images of each cluster, upright, from the most to the least confident; return the axes."""
        from irl_inr_jax.report.figures.model_plots import plot_clusters

        return plot_clusters(self._require_fit(), self.clusterer, num_shown=n, ax=ax)

    def plot_embedding(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw a t-SNE map of the latents of the known images, coloured by cluster; return the axes."""
        from irl_inr_jax.report.figures.model_plots import plot_embedding

        return plot_embedding(self._require_fit(), self.clusterer, ax=ax)

    def plot_reconstructions(self, X: Any, *, ax: "Axes | None" = None) -> "Axes":
        """Draw images above their reconstructions, and upright below if they are posed; return the axes."""
        from irl_inr_jax.report.figures.model_plots import plot_reconstructions

        return plot_reconstructions(self._apply(X), ax=ax)

    def plot_similar(self, image: Any, n: int = 15, *, ax: "Axes | None" = None) -> "Axes":
        """Draw an image and the n known images most similar to it, rotated like it; return the axes."""
        from irl_inr_jax.report.figures.model_plots import plot_similar
        from irl_inr_jax.training.progress import hide_progress

        with hide_progress():
            return plot_similar(self._apply(image), self.clusterer, count=n, ax=ax)

    def plot_outliers(self, n: int = 16, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the n most isolated of the known images with their outlier scores; return the axes."""
        from irl_inr_jax.report.figures.model_plots import plot_outliers

        return plot_outliers(self._require_fit(), self.clusterer, count=n, ax=ax)

    def _repr_html_(self) -> str:
        """Return the verdict and images of the clusters for notebooks; before `fit` the parameters."""
        if not self.__sklearn_is_fitted__():
            from html import escape

            return f"<pre>{escape(repr(self))}: not fitted</pre>"
        from irl_inr_jax.report.html.model_card import describe_model_html

        return describe_model_html(self.model_, self.clusterer, type(self).__name__)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickle and copies; the model, which has functions, as the bytes of its file."""
        state = dict(vars(self))
        if self.__sklearn_is_fitted__():
            from irl_inr_jax.deployment.bundle_file import pack_bundle

            state["model_"] = pack_bundle(self.model_)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state of `__getstate__`."""
        vars(self).update(state)
        if self.__sklearn_is_fitted__():
            from irl_inr_jax.deployment.bundle_file import unpack_bundle

            self.model_ = unpack_bundle(state["model_"], place="a copied estimator")

    def _set_fitted(self, bundle: "ModelBundle", known: "Reference | KnownImages") -> "IRLINR":
        """Set the fitted attributes; known: the images that they describe."""
        self.model_ = bundle
        self.ids_, self.embedding_, self.outlier_score_ = known.ids, known.latents, known.outliers
        self.theta_ = None if known.pose is None else known.pose.theta
        self.tau_ = None if known.pose is None else known.pose.tau
        self.clusters_ = known.clusters
        self.labels_, self.confidence_ = known.clusters[self.clusterer], known.confidence[self.clusterer]
        self.n_clusters_ = len(set(self.labels_.tolist()) - {-1})
        self.verdict_ = bundle.verdict
        return self

    def _apply(self, X: Any) -> "AppliedModel":
        from irl_inr_jax.deployment.applied_model import AppliedModel

        return AppliedModel(self._require_fit(), X)
