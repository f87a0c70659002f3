"""A training run as one record, built once from a configuration and a data set, and the functions that use it."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Int32
from ml_collections import ConfigDict

from irl_inr_jax.data.batches import batches, stream_batches
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.devices.mesh import local_rows, mapped_axes, replicate, split_over_devices
from irl_inr_jax.devices.sharding import make_norm, state_specs
from irl_inr_jax.methods import METHODS
from irl_inr_jax.training.optimizer import make_optimizer
from irl_inr_jax.training.step import init_train_state, make_train_step, make_train_steps, map_steps
from irl_inr_jax.training.stored_images import StoredImages
from irl_inr_jax.types import Dataset, Method, PyTree, TrainState

NUM_INIT_IMAGES = 256

TakeStep = Callable[[TrainState, np.ndarray], tuple[TrainState, dict[str, jax.Array]]]


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A configuration, a data set and a device mesh, with all that follows from them.

    method: on one device, to initialize, encode and reconstruct. mapped_method: under the axes of the mesh, for the
    train step. num_steps: of the whole run; 0 for a training-free method. neighbours: of each training image, for the
    loss; None without.
    """

    config: ConfigDict
    dataset: Dataset
    mesh: Mesh
    method: Method
    mapped_method: Method
    optimizer: optax.GradientTransformation
    num_steps: int
    neighbours: Int32[np.ndarray, "n q"] | None

    @property
    def streamed(self) -> bool:
        """True if the training images stay on disk."""
        return isinstance(self.dataset.train.images, LazyImages)

    @property
    def steps_per_call(self) -> int:
        """Steps of one compiled call."""
        return 1 if self.streamed else choose_speed(self.config).steps_per_call

    @property
    def stored_images(self) -> StoredImages:
        """The training images in memory, with their neighbours."""
        return StoredImages(self.dataset.train.images, self.neighbours)

    @property
    def first_images(self) -> np.ndarray:
        """The stored images from which the state is initialized."""
        return self.dataset.train.images[:NUM_INIT_IMAGES]

    @functools.cached_property
    def init(self) -> Callable[[np.ndarray | jax.Array], TrainState]:
        """The initial state as a function of `first_images`; one function object, so that it is traced once."""

        def init(stored: np.ndarray | jax.Array) -> TrainState:
            images = to_unit(self.dataset.scaling, stored)
            return init_train_state(self.method, self.optimizer, jax.random.key(self.config.seed), images)

        return init

    @functools.cached_property
    def abstract_state(self) -> TrainState:
        """Shape, type and sharding of each leaf of the state."""
        shapes = jax.eval_shape(self.init, self.first_images)
        specs = state_specs(self.mapped_method, shapes, mapped_axes(self.mesh))
        return jax.tree.map(functools.partial(_abstract, self.mesh), specs, shapes)


def _abstract(
    mesh: Mesh, spec: PartitionSpec, leaf: np.ndarray | np.generic | jax.ShapeDtypeStruct | LazyImages
) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec))


def make_run(config: ConfigDict, dataset: Dataset, mesh: Mesh, neighbours: Int32[np.ndarray, "n q"] | None) -> Run:
    """Build the record of a run; nothing is compiled or placed on a device.

    neighbours: of each training image, which only steps read, and only with `config.loss.neighbours` above 0.
    """
    axis_name = mapped_axes(mesh)
    make_method = functools.partial(
        METHODS[config.method], config, num_channels=dataset.train.images.shape[-1], low=dataset.scaling.low
    )
    mapped_method = make_method(axis_name=axis_name)
    num_steps = config.train.num_epochs * (len(dataset.train.images) // config.train.batch_size)
    return Run(
        config=config,
        dataset=dataset,
        mesh=mesh,
        method=make_method(axis_name=None),
        mapped_method=mapped_method,
        optimizer=make_optimizer(config.train, num_steps, norm=make_norm(mapped_method, axis_name)),
        num_steps=num_steps,
        neighbours=neighbours,
    )


def init_state(run: Run) -> TrainState:
    """Return the state before the first step; each device computes only the leaves, or parts of them, that it holds."""
    shardings = jax.tree.map(lambda leaf: leaf.sharding, run.abstract_state)
    return jax.jit(run.init, out_shardings=shardings)(run.first_images)


def make_take_step(run: Run) -> TakeStep:
    """Return the compiled steps (state, batches of `batches_of`) -> (state, metrics (n,) of each step).

    The images are placed on every device and the program is compiled here, once; a streamed batch is split over the
    devices. The given state is consumed.
    """
    mesh, num_steps, batch_size = run.mesh, run.steps_per_call, run.config.train.batch_size
    mapped = lower_step(run, num_steps=num_steps).compile()
    positions = split_over_devices(np.arange(batch_size, dtype=np.int32), mesh)
    if run.streamed:
        # Each device numbers the images of its part of the batch from 0.
        part = np.arange(batch_size // mesh.size, dtype=np.int32)
        indices = split_over_devices(np.tile(part, mesh.size)[None], mesh, axis=1)
        one = replicate(np.int32(1), mesh)

        def take_streamed_step(state: TrainState, images: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
            stored = StoredImages(split_over_devices(images, mesh), None)
            return mapped(state, stored, indices, positions, one)

        return take_streamed_step

    stored = replicate(run.stored_images, mesh)

    def take_step(state: TrainState, indices: np.ndarray) -> tuple[TrainState, dict[str, jax.Array]]:
        count = len(indices)
        filled = np.zeros((num_steps, batch_size), np.int32)
        filled[:count] = indices
        rows = split_over_devices(filled, mesh, axis=1)
        state, metrics = mapped(state, stored, rows, positions, replicate(np.int32(count), mesh))
        return state, {name: values[:count] for name, values in metrics.items()}

    return take_step


def map_run_steps(run: Run, *, num_steps: int) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    """Return up to `num_steps` steps of the run, jitted over its mesh; see `map_steps`."""
    train_step = make_train_step(
        run.mapped_method,
        run.optimizer,
        total_steps=max(run.num_steps, 1),
        scaling=run.dataset.scaling,
        axis_name=mapped_axes(run.mesh),
    )
    return map_steps(
        make_train_steps(train_step),
        run.mesh,
        images_spec=PartitionSpec(run.mesh.axis_names) if run.streamed else PartitionSpec(),
        state_specs=jax.tree.map(lambda leaf: leaf.sharding.spec, run.abstract_state),
    )


def lower_step(run: Run, *, num_steps: int = 1) -> jax.stages.Lowered:
    """Lower `num_steps` steps in one call, from shapes alone; the program takes a state and `first_batches`."""
    axes, abstract = run.mesh.axis_names, functools.partial(_abstract, run.mesh)
    images, batch_size = run.dataset.train.images, run.config.train.batch_size
    if run.streamed:
        stored = StoredImages(abstract(PartitionSpec(axes), images[:batch_size]), None)
    else:
        stored = jax.tree.map(functools.partial(abstract, PartitionSpec()), run.stored_images)
    return map_run_steps(run, num_steps=num_steps).lower(
        run.abstract_state,
        stored,
        abstract(PartitionSpec(None, axes), np.zeros((num_steps, batch_size), np.int32)),
        abstract(PartitionSpec(axes), np.zeros(batch_size, np.int32)),
        abstract(PartitionSpec(), np.int32(num_steps)),
    )


def first_batches(run: Run, *, num_steps: int = 1) -> tuple[PyTree, ...]:
    """Return the arguments of `lower_step` after the state, placed on the mesh; the first images are in each step."""
    rows = np.arange(run.config.train.batch_size, dtype=np.int32)
    return (
        replicate(run.stored_images, run.mesh),
        split_over_devices(np.tile(rows, (num_steps, 1)), run.mesh, axis=1),
        split_over_devices(rows, run.mesh),
        replicate(np.int32(num_steps), run.mesh),
    )


def batches_of(run: Run, *, start: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first step, image indices of its batches or the streamed images) from step `start` to the end of the run.

    Of streamed images, a process reads only those of its own devices.
    """
    images, batch_size = run.dataset.train.images, run.config.train.batch_size
    plan = {"seed": run.config.seed, "batch_size": batch_size, "start": start, "stop": run.num_steps}
    if isinstance(images, LazyImages):
        rows = local_rows(run.mesh, batch_size) if run.mesh.is_multi_process else None
        return stream_batches(images, **plan, rows=rows)
    return batches(**plan, num_images=len(images), steps_per_call=run.steps_per_call)
