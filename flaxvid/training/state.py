"""The state of training as one pytree, and how a model is split into it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Int, Key, PyTree


class TrainState(NamedTuple):
    """A pytree: copy it, save it, put it on other devices; it holds no objects."""

    step: Int[Array, ""]
    """Updates made so far."""
    params: PyTree
    stats: PyTree
    """Running means and variances of BatchNorm; empty for most models."""
    opt_state: PyTree
    key: Key[Array, ""]
    """Never used up: every step folds its number into it."""
    average: PyTree
    """Running mean of `params`; empty unless it is asked for."""

    def weights(self) -> PyTree:
        """The parameters to judge and to use."""
        return self.average or self.params


class Parts(NamedTuple):
    """A model split: its structure in both modes, and its values as pure dicts."""

    train_def: Any
    """For learning: BatchNorm from the batch. Dropout is on when rngs are given."""
    eval_def: Any
    """For use: BatchNorm from the running statistics."""
    params: PyTree
    stats: PyTree


def split(
    model: nnx.Module,
    *,
    axis: str | None = None,
    freezes: Callable[[str], bool] = lambda _path: False,
) -> Parts:
    """Splits a model into structure and values.

    Pure dicts keep the dispatch of a jitted step cheap and checkpoints free of Flax's classes.
    Inside `pmap`, `axis` is the name of its axis: BatchNorm learns from the rows of all devices.
    Where `freezes(path)` of its scale, as `encoder/norm1/scale`, a BatchNorm keeps its statistics
    and uses them: those of a batch would not fit weights that stay as they are.
    """
    learning = nnx.view(model, use_running_average=False, raise_if_not_found=False)
    for path, module in nnx.iter_modules(learning):
        if isinstance(module, nnx.BatchNorm):
            module.axis_name = axis
            module.use_running_average = freezes("/".join(map(str, (*path, "scale"))))
    train_def, params, stats, rest = nnx.split(learning, nnx.Param, nnx.BatchStat, ...)
    if jax.tree.leaves(rest):
        raise ValueError(f"a model holds nothing but parameters and statistics; found {rest}")
    in_use = nnx.view(model, use_running_average=True, raise_if_not_found=False)
    return Parts(train_def, nnx.graphdef(in_use), nnx.to_pure_dict(params), nnx.to_pure_dict(stats))


def path_name(path: tuple) -> str:
    """A leaf's place in a tree, `blocks/0/attn/qkv/kernel`, from the path that JAX gives it."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def merge(definition: Any, params: PyTree, stats: PyTree) -> nnx.Module:
    """The module that `definition`, `params` and `stats` describe."""
    return nnx.merge(definition, params, stats, {})


def create(
    parts: Parts, optimizer: optax.GradientTransformation, seed: int, *, average: bool = False
) -> TrainState:
    """The state before the first step, with a running mean of the weights or without."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=parts.params,
        stats=parts.stats,
        opt_state=optimizer.init(parts.params),
        key=jax.random.key(seed),
        average=jax.tree.map(jnp.copy, parts.params) if average else {},
    )
