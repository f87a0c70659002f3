"""Who joins whom, by flags and by what clusters leave in the environment, and what is said of those who cannot."""

import socket

import pytest

from irl_inr_jax.devices.processes import is_one_of_many, meet_coordinator, sees_cluster
from irl_inr_jax.types import InputError

PEERS = {"coordinator_address": "10.0.0.1:1234", "num_processes": 4, "process_id": 0}
ALONE = dict.fromkeys(PEERS)
SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
}


@pytest.mark.parametrize(
    ("mode", "peers", "environment", "expected"),
    [
        ("auto", ALONE, {}, False),
        ("auto", PEERS, {}, True),
        ("on", ALONE, {}, True),
        ("auto", ALONE, {**SLURM, "SLURM_STEP_NUM_TASKS": "2"}, True),
        ("off", ALONE, {**SLURM, "SLURM_STEP_NUM_TASKS": "2"}, False),
    ],
)
def test_who_joins(mode, peers, environment, expected):
    assert is_one_of_many(mode, **peers, environment=environment) is expected


@pytest.mark.parametrize(
    ("mode", "changed", "message"),
    [
        ("off", {}, r"expected no --coordinator_address with --distributed=off"),
        ("on", {"num_processes": None}, r"found only --coordinator_address and --process_id; add --num_processes"),
        ("auto", {"coordinator_address": None, "process_id": None}, r"found only --num_processes; add --coord"),
        ("on", {"coordinator_address": "10.0.0.1"}, r"as HOST:PORT, found '10.0.0.1'"),
        ("on", {"coordinator_address": "10.0.0.1:99999"}, r"as HOST:PORT, found '10.0.0.1:99999'"),
        ("on", {"num_processes": 0}, r"--num_processes of at least 1, found 0"),
        ("on", {"process_id": 4}, r"--process_id from 0 to 3 with --num_processes=4, found 4"),
        ("on", {"process_id": -1}, r"--process_id from 0 to 3 with --num_processes=4, found -1"),
    ],
)
def test_flags_that_do_not_fit_together_are_refused(mode, changed, message):
    with pytest.raises(InputError, match=message):
        is_one_of_many(mode, **{**PEERS, **changed}, environment={})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({**SLURM, "SLURM_STEP_NUM_TASKS": "2"}, True),
        (SLURM, False),  # the script of a batch job, of which srun has started no tasks
        ({**SLURM, "SLURM_STEP_NUM_TASKS": "1"}, False),
        ({"TPU_WORKER_HOSTNAMES": "a,b", "TPU_SKIP_MDS_QUERY": "1"}, True),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_ML_PLATFORM": "JAX"}, False),
        ({"TPU_ML_PLATFORM": "JAX"}, True),
        ({"TPU_ML_PLATFORM": "JAX", "TPU_SKIP_MDS_QUERY": "1"}, False),
        ({"MEGASCALE_NUM_SLICES": "2"}, True),
    ],
)
def test_clusters_are_seen_by_what_they_leave_in_the_environment(environment, expected):
    assert sees_cluster(environment) is expected


def test_a_taken_port_and_an_absent_coordinator_are_said():
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InputError, match=rf"expected port {port} of --coordinator_address to be free"):
            meet_coordinator(f"127.0.0.1:{port}", is_ours=True, wait_seconds=1)
        meet_coordinator(f"127.0.0.1:{port}", is_ours=False, wait_seconds=1)
    with pytest.raises(InputError, match=rf"expected process 0 at --coordinator_address=127.0.0.1:{port} within 0 s"):
        meet_coordinator(f"127.0.0.1:{port}", is_ours=False, wait_seconds=0)
