"""Right answers for the exercises of flaxvid.training.parallel, in other ways."""

import math

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from flaxvid.training import parallel


# --- shardings --------------------------------------------------------------------------
def shardings_by_sorting(tree, mesh, how):
    def place(leaf):
        axes = [axis for axis in range(len(leaf.shape)) if leaf.shape[axis] % mesh.size == 0]
        if how != "fsdp" or math.prod(leaf.shape) < parallel.WORTH_SHARDING or not axes:
            return parallel.replicated(mesh)
        axis = sorted(axes, key=lambda axis: -leaf.shape[axis])[0]
        return NamedSharding(mesh, PartitionSpec(*[None] * axis, parallel.AXIS))

    return jax.tree.map(place, tree)


def shardings_by_argmax(tree, mesh, how):
    if how != "fsdp":
        return jax.tree.map(lambda leaf: parallel.replicated(mesh), tree)

    def place(leaf):
        sizes = np.array([size if size % mesh.size == 0 else 0 for size in leaf.shape])
        if leaf.size < parallel.WORTH_SHARDING or sizes.max(initial=0) == 0:
            return parallel.replicated(mesh)
        names = [None] * len(sizes)
        names[int(sizes.argmax())] = parallel.AXIS
        while names[-1] is None:
            names.pop()
        return NamedSharding(mesh, PartitionSpec(*names))

    return jax.tree.map(place, tree)


def shardings_leaf_by_leaf(tree, mesh, how):
    leaves, structure = jax.tree.flatten(tree)
    places = []
    for leaf in leaves:
        longest = None
        if how == "fsdp" and leaf.size >= parallel.WORTH_SHARDING:
            for axis, size in enumerate(leaf.shape):
                if size % mesh.size == 0 and (longest is None or size > leaf.shape[longest]):
                    longest = axis
        spec = PartitionSpec() if longest is None else PartitionSpec(*(None,) * longest, "data")
        places.append(
            parallel.replicated(mesh)
            if longest is None
            else NamedSharding(mesh, PartitionSpec(*tuple(spec)[:-1], parallel.AXIS))
        )
    return jax.tree.unflatten(structure, places)
