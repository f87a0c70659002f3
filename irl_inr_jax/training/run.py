"""A run put together: from a configuration to a method, its first state, and what its workdir holds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from irl_inr_jax.data.batches import batches, stream_batches
from irl_inr_jax.data.lazy import LazyImages
from irl_inr_jax.data.scaling import to_unit
from irl_inr_jax.devices.compute import choose_speed
from irl_inr_jax.devices.mesh import local_rows, make_mesh, mapped_axes
from irl_inr_jax.devices.sharding import make_norm, state_specs
from irl_inr_jax.methods import METHODS
from irl_inr_jax.training.checkpoint import open_checkpoints, restore_state
from irl_inr_jax.training.inference import TrainedMethod
from irl_inr_jax.training.optimizer import make_optimizer
from irl_inr_jax.training.step import (
    TakeStep,
    init_state,
    make_streamed_step,
    make_take_step,
    make_train_step,
    make_train_steps,
    map_steps,
)
from irl_inr_jax.types import AxisName, Dataset, InputError, Method, TrainState

NUM_INIT_IMAGES = 256


def check_batch(config: ConfigDict, dataset: Dataset, num_devices: int) -> None:
    """Raises InputError for a batch that the data set cannot fill or the devices cannot share."""
    if config.train.num_epochs == 0:
        return
    batch_size, num_images = config.train.batch_size, len(dataset.train.images)
    num_shards = config.model.hypernet.num_shards
    if num_devices % num_shards:
        raise InputError(
            f"expected config.model.hypernet.num_shards to divide the {num_devices} devices, found {num_shards}"
        )
    if batch_size > num_images:
        raise InputError(
            f"expected config.train.batch_size of at most the {num_images} training images, found {batch_size}; "
            f"try --config.train.batch_size={max(1, num_images // 4)}"
        )
    if batch_size % num_devices:
        raise InputError(
            f"expected config.train.batch_size to be a multiple of the {num_devices} devices, found {batch_size}; "
            f"try --config.train.batch_size={num_devices * max(1, batch_size // num_devices)}"
        )


def total_steps(config: ConfigDict, dataset: Dataset) -> int:
    """Steps of the whole run."""
    return config.train.num_epochs * (len(dataset.train.images) // config.train.batch_size)


def calls_a_line(config: ConfigDict, dataset: Dataset) -> int:
    """Calls of the step between lines of the log."""
    steps_a_call = 1 if isinstance(dataset.train.images, LazyImages) else choose_speed(config).steps_per_call
    return max(1, config.train.log_every // steps_a_call)


def make_run_method(config: ConfigDict, dataset: Dataset, *, axis_name: AxisName) -> Method:
    """The method of `config.method` for this data set's pixels."""
    num_channels = dataset.train.images.shape[-1]
    return METHODS[config.method](config, num_channels=num_channels, low=dataset.scaling.low, axis_name=axis_name)


def first_state(
    config: ConfigDict, dataset: Dataset, method: Method, optimizer: optax.GradientTransformation
) -> TrainState:
    """The state before the first step, made from the seed and the first training images."""
    make, images = make_init(config, dataset, method, optimizer)
    return jax.jit(make)(images)


def make_init(
    config: ConfigDict, dataset: Dataset, method: Method, optimizer: optax.GradientTransformation
) -> tuple[Callable[[np.ndarray | jax.Array], TrainState], np.ndarray]:
    """The first state as a function of the first training images, and these images as they are stored."""

    def make(stored: np.ndarray | jax.Array) -> TrainState:
        return init_state(method, optimizer, jax.random.key(config.seed), to_unit(dataset.scaling, stored))

    return make, dataset.train.images[:NUM_INIT_IMAGES]


def make_run_step(config: ConfigDict, dataset: Dataset, mesh: Mesh) -> tuple[TrainState, TakeStep]:
    """The first state, and the compiled step over all devices of the mesh, for what `make_feed` feeds it.

    The training images are placed on the devices, unless they are streamed from disk. The state is made where it lies:
    no device ever has what it is to have only a part of.
    """
    method, optimizer, train_step = make_mapped_step(config, dataset, mesh)
    local = make_run_method(config, dataset, axis_name=None)
    make, first_images = make_init(config, dataset, local, optimizer)
    specs = state_specs(method, jax.eval_shape(make, first_images), mapped_axes(mesh))
    shardings = jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs)
    state = jax.jit(make, out_shardings=shardings)(first_images)
    images, batch_size = dataset.train.images, config.train.batch_size
    if isinstance(images, LazyImages):
        train_steps = make_train_steps(train_step, 1)
        return state, make_streamed_step(train_steps, mesh, state_specs=specs, batch_size=batch_size)
    num = choose_speed(config).steps_per_call
    train_steps = make_train_steps(train_step, num)
    return state, make_take_step(
        train_steps, mesh, images, state_specs=specs, batch_size=batch_size, steps_per_call=num
    )


def make_mapped_step(
    config: ConfigDict, dataset: Dataset, mesh: Mesh
) -> tuple[Method, optax.GradientTransformation, Callable[..., tuple[TrainState, dict[str, jax.Array]]]]:
    """Method, optimiser and one step, made for the axes of the mesh."""
    axis_name, steps = mapped_axes(mesh), max(total_steps(config, dataset), 1)
    method = make_run_method(config, dataset, axis_name=axis_name)
    optimizer = make_optimizer(config.train, steps, norm=make_norm(method, axis_name))
    step = make_train_step(method, optimizer, total_steps=steps, scaling=dataset.scaling, axis_name=axis_name)
    return method, optimizer, step


def lower_mapped_step(config: ConfigDict, dataset: Dataset, mesh: Mesh) -> jax.stages.Lowered:
    """One step over the mesh before it is compiled, from shapes alone: nothing is placed on a device."""
    method, optimizer, train_step = make_mapped_step(config, dataset, mesh)
    local = make_run_method(config, dataset, axis_name=None)
    state = jax.eval_shape(*make_init(config, dataset, local, optimizer))
    specs = state_specs(method, state, mapped_axes(mesh))
    batch_size, images = config.train.batch_size, dataset.train.images
    mapped = map_steps(make_train_steps(train_step, 1), mesh, images_spec=PartitionSpec(), state_specs=specs)

    def shape(spec: PartitionSpec, leaf: np.ndarray | np.generic | jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec))

    shares = mesh.axis_names
    return mapped.lower(
        jax.tree.map(shape, specs, state),
        shape(PartitionSpec(), images),
        shape(PartitionSpec(None, shares), np.zeros((1, batch_size), np.int32)),
        shape(PartitionSpec(shares), np.zeros(batch_size, np.int32)),
        shape(PartitionSpec(), np.int32(1)),
    )


def lower_steps(
    config: ConfigDict, dataset: Dataset, *, num_steps: int
) -> tuple[jax.stages.Lowered, TrainState, tuple[jax.Array, ...]]:
    """`num_steps` steps on one device before they are compiled, to ask what they take; a state and other arguments.

    Every step's batch is the first images. The state is consumed by the steps.
    """
    batch_size = min(config.train.batch_size, len(dataset.train.ids))
    steps = max(total_steps(config, dataset), 1)
    method, optimizer = make_run_method(config, dataset, axis_name=None), make_optimizer(config.train, steps)
    train_step = make_train_step(method, optimizer, total_steps=steps, scaling=dataset.scaling, axis_name=None)
    state = first_state(config, dataset, method, optimizer)
    rows = np.arange(batch_size, dtype=np.int32)
    given = (dataset.train.images[:batch_size], np.tile(rows, (num_steps, 1)), rows, np.int32(num_steps))
    given = jax.device_put(given)
    return jax.jit(make_train_steps(train_step, num_steps), donate_argnums=0).lower(state, *given), state, given


def make_feed(
    config: ConfigDict, dataset: Dataset, *, start: int, mesh: Mesh | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """(first step, indices of its batches or, for images on disk, its images) from `start` to the end of the run.

    mesh: where it has devices of other processes, only those images are read that the devices of this one take.
    """
    images = dataset.train.images
    plan = {"seed": config.seed, "batch_size": config.train.batch_size, "start": start}
    stop = total_steps(config, dataset)
    if isinstance(images, LazyImages):
        shared = mesh is not None and mesh.is_multi_process
        return stream_batches(
            images, **plan, stop=stop, rows=local_rows(mesh, config.train.batch_size) if shared else None
        )
    return batches(**plan, num_images=len(images), stop=stop, steps_per_call=choose_speed(config).steps_per_call)


def trained_method(config: ConfigDict, dataset: Dataset, method: Method, state: TrainState) -> TrainedMethod:
    """`method`, made for no mapped axis, with the values learnt so far, on one device."""
    local = jax.tree.map(np.asarray, (state.params, state.model_state))
    params, model_state = jax.device_put(local)
    return TrainedMethod(
        method=method,
        params=params,
        model_state=model_state,
        scaling=dataset.scaling,
        batch_size=config.evaluation.batch_size,
    )


def load_trained(
    workdir: Path, config: ConfigDict, dataset: Dataset, *, say: Callable[[str], None]
) -> tuple[TrainedMethod, int]:
    """The newest whole checkpoint of a run and its step. Raises InputError where there is none."""
    method = make_run_method(config, dataset, axis_name=None)
    optimizer = make_optimizer(config.train, total_steps(config, dataset))
    template = jax.eval_shape(*make_init(config, dataset, method, optimizer))
    folder = workdir / "checkpoints"
    if not folder.is_dir():
        raise InputError(f"expected checkpoints in {folder}, found none; train first with this --workdir")
    manager = open_checkpoints(folder, keep=config.train.keep_checkpoints)
    mesh = make_mesh(jax.local_devices()[:1])
    state, damaged = restore_state(manager, template, sharding=NamedSharding(mesh, PartitionSpec()))
    manager.close()
    for line in damaged:
        say(f"warning: {line}")
    if state is None:
        raise InputError(f"expected checkpoints in {folder}, found none; train first with this --workdir")
    return trained_method(config, dataset, method, state), int(state.step)
