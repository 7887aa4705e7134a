"""One step on many devices, in three ways that give the same numbers.

mesh   `jit` over all devices: each holds the whole state, and its rows of the batch
fsdp   the same, but each holds only its share of the parameters and of the optimizer's means
pmap   the older way: the step is written for one device, and says itself when devices talk

Several processes, each with devices of its own, work as one: each gives its rows of the batch.
"""

from collections.abc import Callable
from typing import Literal

import einops
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import PyTree

from flaxvid import errors
from flaxvid.training import gradients
from flaxvid.training import state as states

AXIS = "data"
WORTH_SHARDING = 2**10  # numbers; what is smaller every device keeps whole
# XLA for CPUs would remove the barriers that `nnx.remat` sets, find the same computation in the
# forward and the backward pass, and keep its result after all. Where there is no barrier, this
# changes nothing.
RECOMPUTING = {"xla_disable_hlo_passes": "cse_barrier_expander"}

How = Literal["mesh", "fsdp", "pmap"]


def data_mesh(batch_size: int, pieces: int = 1, how: How = "mesh") -> jax.sharding.Mesh:
    """A mesh of all devices of all processes along one axis, `data`.

    Raises:
        UserError: if the batch does not divide over the devices times the micro-batches;
            for pmap over several processes.
    """
    devices = jax.device_count()
    if how == "pmap" and jax.process_count() > 1:
        raise errors.UserError(
            f"--parallel pmap: takes the devices of one process, and there are "
            f"{jax.process_count()}; use mesh or fsdp"
        )
    if pieces < 1:
        raise errors.UserError(f"--accumulate {pieces}: give 1 or more")
    if batch_size % (devices * pieces):
        over = f"{devices} devices" + (f" times --accumulate {pieces}" if pieces > 1 else "")
        raise errors.UserError(
            f"--batch-size {batch_size} does not divide over {over}: "
            f"choose a multiple of {devices * pieces}"
        )
    return jax.make_mesh((devices,), (AXIS,), axis_types=(AxisType.Auto,))


def next_multiple(size: int) -> int:
    """The smallest batch of `size` clips or more that divides over all devices."""
    devices = jax.device_count()
    return -(-size // devices) * devices


def replicated(mesh: jax.sharding.Mesh) -> NamedSharding:
    """Every device holds the whole."""
    return NamedSharding(mesh, P())


def sharded(mesh: jax.sharding.Mesh) -> NamedSharding:
    """Every device holds its share of the first axis."""
    return NamedSharding(mesh, P(AXIS))


def shardings(tree: PyTree, mesh: jax.sharding.Mesh, how: How) -> PyTree:
    """Where each leaf of a state lies: everywhere, or with fsdp cut along one of its axes.

    A leaf that is small, or none of whose axes divides over the devices, stays whole; any other is
    cut along the longest that does.
    """

    def place(leaf):
        fits = [axis for axis, size in enumerate(leaf.shape) if size % mesh.size == 0]
        if how != "fsdp" or leaf.size < WORTH_SHARDING or not fits:
            return replicated(mesh)
        longest = max(fits, key=lambda axis: leaf.shape[axis])
        return NamedSharding(mesh, P(*[None] * longest, AXIS))

    return jax.tree.map(place, tree)


def put_state(state: PyTree, mesh: jax.sharding.Mesh, how: How = "mesh") -> PyTree:
    """A state, or parameters, on the devices."""
    places = shardings(state, mesh, how)
    if jax.process_count() == 1:
        return jax.device_put(state, places)
    # device_put can't bring a typed key to the devices of another process.
    return jax.jit(lambda same: same, out_shardings=places)(state)


def put_batch(
    batch: dict[str, np.ndarray], mesh: jax.sharding.Mesh, how: How = "mesh"
) -> dict[str, jax.Array]:
    """A process's rows of a batch on its devices, cut along the batch axis.

    For pmap the devices get an axis of their own, the first.
    """
    if how == "pmap":
        devices = jax.local_device_count()
        split = "(device batch) ... -> device batch ..."
        batch = {name: einops.rearrange(v, split, device=devices) for name, v in batch.items()}
    place = sharded(mesh)
    return {
        name: jax.make_array_from_process_local_data(place, values)
        for name, values in batch.items()
    }


def gather(rows: jax.Array) -> np.ndarray:
    """The rows of all processes, in the order of the batch, on each of them."""
    if jax.process_count() == 1:
        return np.asarray(rows)
    return np.asarray(multihost_utils.process_allgather(rows, tiled=True))


def whole(tree: PyTree) -> PyTree:
    """The arrays of a tree as NumPy's, on every process, wherever their parts lie.

    All processes have to ask at the same place.
    """

    def collected(leaf):
        return np.asarray(leaf) if leaf.is_fully_replicated else gather(leaf)

    return jax.tree.map(collected, tree)


def same_everywhere(number: int) -> bool:
    """Whether all processes have the same number; all have to ask at the same place."""
    if jax.process_count() == 1:
        return True
    return len(np.unique(multihost_utils.process_allgather(np.array(number)))) == 1


def any_process(said: bool) -> bool:
    """Whether one process or more said yes; all have to ask at the same place."""
    if jax.process_count() == 1:
        return said
    return bool(np.any(multihost_utils.process_allgather(np.array(said))))


def differentiate(how: How, pieces: int = 1) -> gradients.Differentiate:
    """What `step.make_train_step` differentiates with, for a step that `compiled` is given."""
    found = gradients.accumulate(pieces) if pieces > 1 else jax.value_and_grad
    return gradients.over_devices(AXIS, found) if how == "pmap" else found


def compiled(
    train_step: Callable, state: states.TrainState, mesh: jax.sharding.Mesh, how: How = "mesh"
) -> Callable:
    """The step for all devices. The state that goes in is used up.

    `train_step` was made with `differentiate(how)`, and for pmap its model was split with
    `axis=AXIS`. `state` says where the state lies that comes out. On a CPU, rematerialisation saves
    memory with `mesh` and `fsdp`, and not with `pmap`, which takes no options of the compiler.
    """
    if how == "pmap":

        def on_each(state, batch):
            state, measured = train_step(state, batch)
            rows = jax.lax.psum(jnp.sum(batch["weight"]), AXIS)
            share = gradients.share_of(batch["weight"], rows)
            return state, jax.lax.psum(jax.tree.map(lambda own: share * own, measured), AXIS)

        return jax.pmap(on_each, AXIS, in_axes=(None, 0), out_axes=(None, None), donate_argnums=0)
    places = shardings(state, mesh, how), replicated(mesh)
    options = RECOMPUTING if mesh.devices.flat[0].platform == "cpu" else None
    return jax.jit(train_step, donate_argnums=0, out_shardings=places, compiler_options=options)
