"""Gradient accumulation over micro-batches, and gradients over devices: the same numbers.

Each is used in the place of `jax.value_and_grad` by `step.make_train_step`, on its
`loss_of(params, stats, batch, key) -> loss, (logits, stats)`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Differentiate = Callable[..., Callable[..., Any]]


def accumulate(number: int, differentiate: Differentiate = jax.value_and_grad) -> Differentiate:
    """Gradient accumulation: the batch in `number` micro-batches, the memory of one of them.

    Each has a dropout key of its own, and BatchNorm sees one micro-batch at a time. The logits are
    in the order of the batch, whichever rows a micro-batch takes; micro-batches of one row run in
    it too. A batch that does not divide into `number` is a ValueError that names both.
    """

    def in_turn(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            size = len(batch["weight"])
            if size % number:
                raise ValueError(f"{size} rows do not divide into {number} micro-batches")
            total = jnp.sum(batch["weight"])

            def add(before, piece):
                loss, gradients, stats = before
                rows, number = piece
                part = _part(loss_of, share_of(rows["weight"], total))
                (own_loss, (logits, stats)), own = differentiate(part, has_aux=has_aux)(
                    params, stats, rows, jax.random.fold_in(key, number)
                )
                gradients = jax.tree.map(jnp.add, gradients, own)
                return (loss + own_loss, gradients, stats), logits

            nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params), stats)
            pieces = jax.tree.map(_cut, batch), jnp.arange(number)
            (loss, gradients, stats), logits = jax.lax.scan(add, nothing, pieces)
            return (loss, (jax.tree.map(_join, logits), stats)), gradients

        return of_all

    def _cut(rows):
        # Every `number`-th row, so that rows which lie on several devices need not move.
        return rows.reshape(rows.shape[0] // number, number, *rows.shape[1:]).swapaxes(0, 1)

    def _join(pieces):
        pieces = pieces.swapaxes(0, 1)
        return pieces.reshape(-1, *pieces.shape[2:])

    return in_turn


def over_devices(axis: str, differentiate: Differentiate = jax.value_and_grad) -> Differentiate:
    """Inside `pmap`: every device differentiates its own rows, and all add up what they found.

    Each device has a dropout key of its own.
    """

    def spread(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            key = jax.random.fold_in(key, jax.lax.axis_index(axis))
            total = jax.lax.psum(jnp.sum(batch["weight"]), axis)
            gradient_of = differentiate(
                _part(loss_of, share_of(batch["weight"], total)), has_aux=has_aux
            )
            (loss, (logits, stats)), gradients = gradient_of(params, stats, batch, key)
            loss, gradients = jax.lax.psum((loss, gradients), axis)
            return (loss, (logits, jax.lax.pmean(stats, axis))), gradients

        return of_all

    return spread


def share_of(weight: Float[Array, " batch"], total: Float[Array, ""]) -> Float[Array, ""]:
    """How much of the rows that count, `total` in number, these are: 0 to 1."""
    return jnp.sum(weight) / jnp.maximum(total, 1.0)


def _part(loss_of, share):
    """What these rows add to the loss of all.

    Their share is in what is differentiated: the gradient that comes back through BatchNorm from
    the other devices has to carry theirs.
    """

    def part(params, stats, batch, key):
        loss, aux = loss_of(params, stats, batch, key)
        return share * loss, aux

    return part
