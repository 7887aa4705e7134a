"""One step on many devices: the batch is cut into shards, the state stands on each of them."""

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from flaxvid import errors


def data_mesh(batch_size: int) -> jax.sharding.Mesh:
    """A mesh of all devices along one axis, `data`.

    Raises:
        UserError: if the batch does not divide over the devices.
    """
    devices = jax.device_count()
    if batch_size % devices:
        raise errors.UserError(
            f"--batch-size {batch_size} does not divide over {devices} devices: "
            f"choose a multiple of {devices}"
        )
    return jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: jax.sharding.Mesh) -> NamedSharding:
    """Every device holds the whole."""
    return NamedSharding(mesh, P())


def sharded(mesh: jax.sharding.Mesh) -> NamedSharding:
    """Every device holds its share of the first axis."""
    return NamedSharding(mesh, P("data"))


def put_batch(batch: dict[str, np.ndarray], mesh: jax.sharding.Mesh) -> dict[str, jax.Array]:
    """A host's batch on the devices, cut along the batch axis."""
    return jax.device_put(batch, sharded(mesh))
