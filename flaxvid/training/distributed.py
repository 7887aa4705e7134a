"""Several processes as one: how they find each other, and which one prints and writes."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
from jax.experimental import multihost_utils

from flaxvid import errors

# What the errors of collectives, and of JAX's coordination of processes, have in them.
OF_A_DEATH = ("Gloo", "NCCL", "CoordinationService", "heartbeat", "closed by peer", "reset by peer")


def join(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Meets the other processes, if there are any; before anything is computed.

    A process that is alone on its machine, or to which SLURM gave GPUs of its own, computes on all
    that it sees. Several on one machine, which see the same GPUs, take one each, as JAX has it.

    Raises:
        UserError: if they can't be met, or only some of the three options are given.
    """
    given = (coordinator, num_processes, process_id)
    if given == (None, None, None):
        # srun says so to every process it starts; an interactive shell under SLURM it does not.
        if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) == 1:
            return
        given = ("auto", None, None)
    address, count, number = given
    if address != "auto" and None in given:
        raise errors.UserError(
            f"--coordinator {address} --num-processes {count} --process-id {number}: give all "
            "three, or --coordinator auto on a TPU pod, under SLURM or Open MPI"
        )
    if address == "auto":
        address = None
    elif not 0 <= number < count:
        raise errors.UserError(
            f"--process-id {number}: of --num-processes {count}, give 0 to {count - 1}"
        )
    try:
        jax.distributed.initialize(address, count, number, local_device_ids=_local_devices())
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise errors.UserError(
            f"--coordinator {given[0]}: the processes did not meet ({reason}); start all of them, "
            "with the same --coordinator and --num-processes"
        ) from None


def _local_devices():
    """For `jax.distributed.initialize`; [] are all that this process sees, None leaves it to JAX.

    That takes one GPU a process under SLURM and Open MPI, and one task on a node of eight would
    leave seven idle, without a word.
    """
    if os.environ.get("JAX_LOCAL_DEVICE_IDS"):
        return None
    on_each_node = os.environ.get("SLURM_STEP_TASKS_PER_NODE")  # as 2(x3),1: twice on 3, once on 1
    if on_each_node is None:
        alone = os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE") == "1"
    else:
        alone = all(part.partition("(")[0] == "1" for part in on_each_node.split(","))
    return [] if alone or "SLURM_GPUS_PER_TASK" in os.environ else None


def first() -> bool:
    """Whether this is the process that prints, and writes the files that all share."""
    return jax.process_index() == 0


@contextlib.contextmanager
def first_alone() -> Iterator[None]:
    """Inside, the first process goes before all others: what it puts on disk they find there."""
    if jax.process_count() == 1:
        yield
        return
    if not first():
        multihost_utils.sync_global_devices("after the first")
    try:
        yield
    finally:
        if first():
            multihost_utils.sync_global_devices("after the first")


@contextlib.contextmanager
def one_voice() -> Iterator[None]:
    """Inside, nothing that another process than the first prints is shown; errors still are."""
    with contextlib.ExitStack() as stack:
        if not first():
            nowhere = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        yield


@contextlib.contextmanager
def deaths_told(checkpoints: Path) -> Iterator[None]:
    """Inside, the death of another process ends this one at once, in one line, with exit code 2.

    Where a collective waits for the dead one and never fails, as NCCL's do, JAX ends this process
    itself when it has missed the other's heartbeats for 100 seconds.

    Args:
        checkpoints: the folder of the run's checkpoints; the last one there is named.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        clauses = re.split(r"[:;()\[\]]", " ".join(str(error).split()))
        reasons = [part.strip() for part in clauses if any(word in part for word in OF_A_DEATH)]
        if jax.process_count() == 1 or not reasons:
            raise
        steps = []
        with contextlib.suppress(OSError, errors.UserError):  # no folder; or the store is gone, too
            steps = [int(entry.name) for entry in checkpoints.iterdir() if entry.name.isdigit()]
        last = f"the last checkpoint is that of step {max(steps)}" if steps else "no checkpoint yet"
        print(
            f"error: another process has died or left ({reasons[0]}); {last}; "
            f"start all again with --resume {checkpoints.parent}",
            file=sys.stderr,
        )
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(2)  # to leave in order is to wait for the dead one


def leave() -> None:
    """Leaves the group of processes."""
    if jax.process_count() > 1:
        sys.stdout.flush()
        jax.distributed.shutdown()
