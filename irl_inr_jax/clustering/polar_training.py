"""Train a rotation-invariant classifier of patches on given labels, and apply it."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Float16, Float32, Int32

from irl_inr_jax.augment.polar_views import ViewStrengths, sample_polar_patches, sample_polar_views
from irl_inr_jax.augment.views import example_keys
from irl_inr_jax.data.batches import batch_rows
from irl_inr_jax.devices.mesh import AXIS, make_mesh, replicate
from irl_inr_jax.models.polar_trunk import PolarClassifier, make_polar_trunk
from irl_inr_jax.training.inference import map_batches
from irl_inr_jax.training.optimizer import allow_promotion
from irl_inr_jax.training.progress import show_progress
from irl_inr_jax.types import PyTree

NUM_MEASURED = 2_000  # patches whose mean and deviation standardise the input
WARMUP_STEPS = 200  # of the learning rate, but at most a fifth of all steps
CLIP_NORM = 1.0
STEPS_BETWEEN_NOTES = 25  # the loss is fetched from the device so rarely that the steps do not wait for it

Patches = Float16[np.ndarray, "n s s c"]


class PolarNetwork(NamedTuple):
    """A classifier and its input: sizes of `PolarClassifier`, and the polar grid. fill: value outside a patch."""

    widths: tuple[int, ...]
    head_widths: tuple[int, int]
    num_clusters: int
    num_radii: int
    num_angles: int
    fill: float

    def grid(self) -> dict[str, Any]:
        """Return the keyword arguments of the functions that sample polar images."""
        return {"num_radii": self.num_radii, "num_angles": self.num_angles, "fill": self.fill}

    def module(self) -> PolarClassifier:
        """Return the Flax module."""
        trunk = make_polar_trunk(self.widths, dtype=jnp.dtype("float32"))
        return PolarClassifier(trunk, self.head_widths, self.num_clusters)


class FitOptions(NamedTuple):
    """Options of `train_on_labels`.

    smoothing: share of a label that is spread over all clusters. average_decay: of the moving average of the parameters
    that is returned; smaller in the first steps.
    """

    num_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    smoothing: float
    average_decay: float


class FitState(NamedTuple):
    """Trained parameters, their moving average, the optimizer's state and the number of completed steps."""

    params: PyTree
    average: PyTree
    opt_state: PyTree
    step: Array


def train_on_labels(
    network: PolarNetwork,
    patches: Patches,
    labels: Int32[np.ndarray, "n"],
    *,
    options: FitOptions,
    strengths: ViewStrengths,
    seed: int,
    stage: str,
) -> PyTree:
    """Train a new classifier on views of the patches by cross-entropy, and return the average of its parameters.

    The result {"network", "mean", "deviation"} also has the standardisation of the input. Patches stay on the host, and
    a batch is split over the devices if their number divides it. stage: name shown with the progress.
    """
    batch_size = min(options.batch_size, len(patches))
    devices = jax.local_devices()
    mesh = make_mesh(devices if batch_size % len(devices) == 0 else devices[:1])
    split = NamedSharding(mesh, PartitionSpec(AXIS))
    init_key, view_key = jax.random.split(jax.random.key(seed))
    standard = _measure_standard(network, patches)
    state = replicate(_init(init_key, patches[:1], network=network, options=options), mesh)
    positions = np.arange(batch_size, dtype=np.int32)
    with show_progress(f"{stage}: step", options.num_steps) as update:
        loss = jnp.nan
        for step in range(options.num_steps):
            rows = batch_rows(step, seed=seed, num_images=len(patches), batch_size=batch_size)
            chosen, targets, places = jax.device_put((patches[rows], labels[rows], positions), split)
            key = jax.random.fold_in(view_key, step)
            views = _draw_views(key, chosen, places, standard, network=network, strengths=strengths)
            state, loss = _take_step(state, views, targets, network=network, options=options)
            if (step + 1) % STEPS_BETWEEN_NOTES == 0 or step + 1 == options.num_steps:
                update(step + 1, f"loss {float(loss):.4f}")
    return {"network": jax.device_get(state.average), **standard}


def classify_patches(
    network: PolarNetwork, trained: PyTree, patches: Patches, *, batch_size: int
) -> Float32[np.ndarray, "n k"]:
    """Return the probabilities of the clusters. trained: of `train_on_labels`."""

    def classify(trained: PyTree, patches: np.ndarray | Array) -> Float[Array, "b k"]:
        return _classify(trained, _sample_plain((), patches, network=network), network=network)

    return map_batches(classify, trained, patches, size=batch_size)


def _measure_standard(network: PolarNetwork, patches: Patches) -> dict[str, np.ndarray]:
    """Return mean and standard deviation of polar images, so that neither brightness nor contrast matters."""
    rows = np.linspace(0, len(patches) - 1, min(NUM_MEASURED, len(patches))).astype(np.int64)
    polar = map_batches(partial(_sample_plain, network=network), (), patches[rows], size=256)
    deviation = max(polar.std(), 1e-6)  # 0 for blank images
    return {"mean": np.asarray(polar.mean(), np.float32), "deviation": np.asarray(deviation, np.float32)}


@partial(jax.jit, static_argnames=("network", "options"))
def _init(key: jax.Array, patches: Array, *, network: PolarNetwork, options: FitOptions) -> FitState:
    polar = sample_polar_patches(patches.astype(jnp.float32), **network.grid())
    params = network.module().init(key, polar)["params"]
    return FitState(params, params, _make_adamw(options).init(params), jnp.int32(0))


# A program of its own: inside the training step, XLA on a CPU samples the views again in the backward pass.
@partial(jax.jit, static_argnames="network")
def _draw_views(
    key: jax.Array,
    patches: Array,
    positions: Array,
    standard: PyTree,
    *,
    network: PolarNetwork,
    strengths: ViewStrengths,
) -> Float[Array, "b t m"]:
    keys = example_keys(key, positions)
    return _standardise(sample_polar_views(keys, patches.astype(jnp.float32), strengths, **network.grid()), standard)


@partial(jax.jit, static_argnames=("network", "options"))
def _take_step(
    state: FitState, views: Float[Array, "b t m"], labels: Array, *, network: PolarNetwork, options: FitOptions
) -> tuple[FitState, Array]:
    def compute_loss(params: PyTree) -> Array:
        targets = optax.smooth_labels(jax.nn.one_hot(labels, network.num_clusters), options.smoothing)
        return optax.softmax_cross_entropy(_compute_logits(network, params, views), targets).mean()

    loss, grads = jax.value_and_grad(compute_loss)(state.params)
    updates, opt_state = _make_adamw(options).update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    step = state.step.astype(jnp.float32)
    decay = jnp.minimum(options.average_decay, (1 + step) / (10 + step))
    average = optax.incremental_update(params, state.average, 1 - decay)
    return FitState(params, average, opt_state, state.step + 1), loss


# A program of its own, as the views of a training step: in one with the network it takes half as long again.
@partial(jax.jit, static_argnames="network")
def _sample_plain(_: tuple[()], patches: Array, *, network: PolarNetwork) -> Float[Array, "b t m"]:
    return sample_polar_patches(patches.astype(jnp.float32), **network.grid())


@partial(jax.jit, static_argnames="network")
def _classify(trained: PyTree, polar: Float[Array, "b t m"], *, network: PolarNetwork) -> Float[Array, "b k"]:
    return jax.nn.softmax(_compute_logits(network, trained["network"], _standardise(polar, trained)))


def _compute_logits(network: PolarNetwork, params: PyTree, polar: Float[Array, "b t m"]) -> Float[Array, "b k"]:
    logits = network.module().apply({"params": params}, polar)
    assert isinstance(logits, jax.Array)
    return logits


def _standardise(polar: Float[Array, "b t m"], standard: PyTree) -> Float[Array, "b t m"]:
    return (polar - standard["mean"]) / standard["deviation"]


def _make_adamw(options: FitOptions) -> optax.GradientTransformation:
    """Make AdamW with a warm-up and a cosine decay to 1 % of the learning rate."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0,
        options.learning_rate,
        min(WARMUP_STEPS, options.num_steps // 5),
        options.num_steps,
        end_value=0.01 * options.learning_rate,
    )
    adamw = optax.adamw(schedule, weight_decay=options.weight_decay)
    return allow_promotion(optax.chain(optax.clip_by_global_norm(CLIP_NORM), adamw))
