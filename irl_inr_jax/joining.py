"""How the processes of a run find each other: by flags, or by what the cluster says of them."""

import socket
import time
from collections import Counter
from collections.abc import Mapping

import jax

from irl_inr_jax.distributed import abort_says
from irl_inr_jax.types import InputError

HEARTBEAT_SECONDS = 30  # a process that is not heard of for so long counts as dead
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")


def is_one_of_many(
    mode: str,
    *,
    coordinator_address: str | None,
    num_processes: int | None,
    process_id: int | None,
    environment: Mapping[str, str],
) -> bool:
    """Whether this process has others to join: as the flags say or, in mode 'auto' without them, the environment.

    Raises InputError for flags that do not fit together.
    """
    flags = {"coordinator_address": coordinator_address, "num_processes": num_processes, "process_id": process_id}
    given = [f"--{name}" for name, value in flags.items() if value is not None]
    if not given:
        return mode == "on" or (mode == "auto" and sees_cluster(environment))
    if mode == "off":
        raise InputError(f"expected no {given[0]} with --distributed=off, found it; leave one of the two out")
    if len(given) < len(flags):
        missing = ", ".join(f"--{name}" for name, value in flags.items() if value is None)
        raise InputError(
            f"expected --coordinator_address, --num_processes and --process_id together, found only "
            f"{' and '.join(given)}; add {missing}"
        )
    host, _, port = coordinator_address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(
            f"expected --coordinator_address as HOST:PORT, found {coordinator_address!r}; give the host of process 0 "
            f"and a port that is free there, such as 10.0.0.1:12321"
        )
    if num_processes < 1:
        raise InputError(f"expected --num_processes of at least 1, found {num_processes}; say how many are started")
    if not 0 <= process_id < num_processes:
        raise InputError(
            f"expected --process_id from 0 to {num_processes - 1} with --num_processes={num_processes}, found "
            f"{process_id}; number the processes from 0"
        )
    return True


def sees_cluster(environment: Mapping[str, str]) -> bool:
    """Whether Slurm has started several tasks in this step, or this is a host of a TPU pod.

    These are signs that `jax.distributed.initialize` goes by too. A single Slurm task stays on its own, whatever the
    size of the allocation that it runs in.
    """
    if all(name in environment for name in SLURM) and int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return True
    if int(environment.get("MEGASCALE_NUM_SLICES") or 1) > 1:
        return True
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES")
    if hosts:
        return "," in hosts
    # JAX sets the first on a TPU's host and the second where the host cannot be asked for its neighbours.
    return "TPU_ML_PLATFORM" in environment and "TPU_SKIP_MDS_QUERY" not in environment


def join(
    *, coordinator_address: str | None, num_processes: int | None, process_id: int | None, wait_seconds: int
) -> None:
    """Joins the other processes, which must come within `wait_seconds`; before any other call of JAX.

    Without the three arguments JAX finds them: from Slurm, the TPU's metadata, Open MPI. Raises InputError where there
    are none to be found, the coordinator cannot be reached, or its port is taken.
    """
    # It would take SIGTERM, with which we stop and save; Python's handler is not in place before it.
    jax.config.update("jax_enable_preemption_service", False)
    by_hand = coordinator_address is not None
    if by_hand:
        meet_coordinator(coordinator_address, is_ours=process_id == 0, wait_seconds=wait_seconds)
    place = f"at {coordinator_address}" if by_hand else "of the cluster"
    late = f"expected all processes {place} within {wait_seconds} s, found some missing; start them all, or raise"
    with abort_says(lambda: f"error: {late} --join_seconds", status=2):
        try:
            jax.distributed.initialize(
                coordinator_address,
                num_processes,
                process_id,
                # On a Slurm node a process started by hand would be given one of the devices only.
                cluster_detection_method="deactivate" if by_hand else None,
                initialization_timeout=wait_seconds,
                heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            )
        except (ValueError, RuntimeError, KeyError, OSError) as error:
            if by_hand:
                raise
            raise InputError(
                f"expected a cluster that JAX knows (Slurm, a TPU pod, Open MPI), found: {error}; give "
                f"--coordinator_address, --num_processes and --process_id, or --distributed=off to train alone"
            ) from None
        num_devices = Counter(device.process_index for device in jax.devices())
    if len(set(num_devices.values())) > 1:
        raise InputError(
            f"expected the same number of devices in every process, found {sorted(num_devices.items())} as (process, "
            f"devices); choose them with JAX_LOCAL_DEVICE_IDS or CUDA_VISIBLE_DEVICES"
        )


def meet_coordinator(address: str, *, is_ours: bool, wait_seconds: int) -> None:
    """Returns when the coordinator's port can be opened (where `is_ours`) or reached.

    Raises InputError otherwise. Without it JAX would end the process in the middle, or share the port with another run.
    """
    host, _, port = address.rpartition(":")
    if is_ours:
        try:
            socket.create_server(("", int(port))).close()
        except OSError as error:
            raise InputError(
                f"expected port {port} of --coordinator_address to be free in process 0, found: {error}; choose another"
            ) from None
        return
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"expected process 0 at --coordinator_address={address} within {wait_seconds} s, found: {error}; "
                    f"start it, or give the address by which this host reaches it"
                ) from None
        time.sleep(0.2)
