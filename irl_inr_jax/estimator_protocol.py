"""The protocol of a scikit-learn estimator, without the base class, whose import takes a second.

`import irl_inr_jax` imports the estimator, and so does every `irl-inr --help`; scikit-learn is imported when an
estimator is used.
"""

import inspect
from typing import Any


class EstimatorProtocol:
    """Parameters, representation and tags of an estimator whose constructor only stores its arguments."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor by name. deep: without effect, as no parameter is an estimator."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> "EstimatorProtocol":
        """Set parameters of the constructor and return the estimator. Raises ValueError for an unknown one."""
        names = self._parameter_names()
        for name, value in params.items():
            if name not in names:
                raise ValueError(f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {names}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """Return the constructor's call with the parameters that differ from their defaults."""
        defaults = {name: entry.default for name, entry in inspect.signature(type(self).__init__).parameters.items()}
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name] and repr(value) != repr(defaults[name])
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        """Return True after `fit` or `load`."""
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: a clusterer and transformer of images, not of rows of numbers."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="clusterer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(two_d_array=False, three_d_array=True, string=True),
            requires_fit=True,
        )

    def _require_fit(self) -> Any:
        """Return the model. Raises scikit-learn's NotFittedError before `fit`."""
        if not self.__sklearn_is_fitted__():
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with images, or load a model."
            )
        return self.model_  # pyright: ignore[reportAttributeAccessIssue]

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
