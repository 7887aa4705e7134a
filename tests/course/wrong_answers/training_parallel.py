"""Wrong answers for the exercises of flaxvid.training.parallel."""

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from flaxvid.training import parallel


def _by(tree, mesh, how, axis_of):
    """Every leaf cut along the axis that `axis_of(shape, size)` says, or whole for None."""

    def place(leaf):
        axis = axis_of(leaf) if how == "fsdp" else None
        return NamedSharding(mesh, P() if axis is None else P(*[None] * axis, parallel.AXIS))

    return jax.tree.map(place, tree)


def _longest(leaf, fits):
    return max(fits, key=lambda axis: leaf.shape[axis]) if fits else None


def shardings_first_axis(tree, mesh, how):
    def axis_of(leaf):
        divides = leaf.ndim and leaf.shape[0] % mesh.size == 0
        return 0 if divides and leaf.size >= parallel.WORTH_SHARDING else None

    return _by(tree, mesh, how, axis_of)


def shardings_longest_or_none(tree, mesh, how):  # the longest does not divide: whole
    def axis_of(leaf):
        if leaf.size < parallel.WORTH_SHARDING:
            return None
        longest = _longest(leaf, range(leaf.ndim))
        return longest if leaf.shape[longest] % mesh.size == 0 else None

    return _by(tree, mesh, how, axis_of)


def shardings_over_all_devices(tree, mesh, how):  # also those that are not in the mesh
    def axis_of(leaf):
        fits = [axis for axis, size in enumerate(leaf.shape) if size % jax.device_count() == 0]
        return _longest(leaf, fits) if leaf.size >= parallel.WORTH_SHARDING else None

    return _by(tree, mesh, how, axis_of)


def shardings_small_ones_too(tree, mesh, how):
    def axis_of(leaf):
        return _longest(leaf, [a for a, n in enumerate(leaf.shape) if n % mesh.size == 0])

    return _by(tree, mesh, how, axis_of)


def shardings_whatever_the_way(tree, mesh, how):
    def axis_of(leaf):
        fits = [axis for axis, size in enumerate(leaf.shape) if size % mesh.size == 0]
        return _longest(leaf, fits) if leaf.size >= parallel.WORTH_SHARDING else None

    return _by(tree, mesh, "fsdp", axis_of)


def shardings_by_bytes(tree, mesh, how):  # a random key has none
    def axis_of(leaf):
        fits = [axis for axis, size in enumerate(leaf.shape) if size % mesh.size == 0]
        small = np.dtype(leaf.dtype).itemsize * leaf.size < 4 * parallel.WORTH_SHARDING
        return None if small else _longest(leaf, fits)

    return _by(tree, mesh, how, axis_of)
