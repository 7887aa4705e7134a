"""Models full of random numbers, without the seconds that their own starts take to compile."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


def random(build: Callable[[], nnx.Module], *, spread: float = 0.3, seed: int = 0) -> nnx.Module:
    """The module that `build()` makes, with normal numbers; scales and variances are about 1."""
    rng = np.random.default_rng(seed)
    graphdef, values = nnx.split(nnx.eval_shape(build))

    def fill(path, leaf):
        noise = spread * rng.normal(size=leaf.shape)
        if path[-1].key in ("scale", "var"):
            noise = 1 + np.abs(noise)
        return jnp.asarray(noise, leaf.dtype)

    return nnx.merge(graphdef, jax.tree.map_with_path(fill, nnx.to_pure_dict(values)))
