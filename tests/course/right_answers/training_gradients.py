"""Right answers for the exercises of flaxvid.training.gradients, in other ways."""

import einops
import jax
import jax.numpy as jnp

from flaxvid.training import gradients


# --- share_of ---------------------------------------------------------------------------
def share_of_where(weight, total):
    return jnp.where(total > 0, weight.sum() / jnp.where(total > 0, total, 1.0), 0.0)


def share_of_clip(weight, total):
    return jnp.divide(weight.sum(), jnp.clip(total, 1.0))


def share_of_product(weight, total):
    return jnp.dot(weight, jnp.ones_like(weight)) / jnp.where(total == 0, 1.0, total)


# --- over_devices -----------------------------------------------------------------------
def _spread(axis, differentiate, join):
    def spread(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            key = jax.random.fold_in(key, jax.lax.axis_index(axis))
            total = jax.lax.psum(batch["weight"].sum(), axis)

            def part(*arguments):
                loss, aux = loss_of(*arguments)
                return loss * gradients.share_of(batch["weight"], total), aux

            found, slopes = differentiate(part, has_aux=has_aux)(params, stats, batch, key)
            return join(found, slopes)

        return of_all

    return spread


def over_devices_leaf_by_leaf(axis, differentiate=jax.value_and_grad):
    def join(found, slopes):
        loss, (logits, stats) = found
        slopes = jax.tree.map(lambda slope: jax.lax.psum(slope, axis), slopes)
        stats = jax.tree.map(lambda value: jax.lax.pmean(value, axis), stats)
        return (jax.lax.psum(loss, axis), (logits, stats)), slopes

    return _spread(axis, differentiate, join)


def over_devices_by_means(axis, differentiate=jax.value_and_grad):
    def join(found, slopes):
        loss, (logits, stats) = found
        devices = jax.lax.psum(1, axis)
        slopes = jax.tree.map(lambda slope: jax.lax.pmean(slope, axis) * devices, slopes)
        stats = jax.tree.map(lambda value: jax.lax.psum(value, axis) / devices, stats)
        return (jax.lax.pmean(loss, axis) * devices, (logits, stats)), slopes

    return _spread(axis, differentiate, join)


def over_devices_by_gathering(axis, differentiate=jax.value_and_grad):
    def join(found, slopes):
        def added(value):
            return jax.lax.all_gather(value, axis).sum(axis=0)

        loss, (logits, stats) = found
        stats = jax.tree.map(lambda value: jax.lax.all_gather(value, axis).mean(axis=0), stats)
        return (added(loss), (logits, stats)), jax.tree.map(added, slopes)

    return _spread(axis, differentiate, join)


# --- accumulate -------------------------------------------------------------------------
def _accumulated(number, differentiate, cut, joined):
    def in_turn(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            if batch["weight"].shape[0] % number != 0:
                raise ValueError(f"{number} micro-batches of {batch['weight'].shape[0]} rows")
            total = batch["weight"].sum()

            def turn(carried, place_and_rows):
                (loss, slopes, stats), (place, rows) = carried, place_and_rows

                def part(*arguments):
                    own, aux = loss_of(*arguments)
                    return gradients.share_of(rows["weight"], total) * own, aux

                (own, (logits, stats)), found = differentiate(part, has_aux=has_aux)(
                    params, stats, rows, jax.random.fold_in(key, place)
                )
                slopes = jax.tree.map(lambda a, b: a + b, slopes, found)
                return (loss + own, slopes, stats), logits

            start = jnp.float32(0), jax.tree.map(jnp.zeros_like, params), stats
            pieces = jnp.arange(number), jax.tree.map(cut, batch)
            (loss, slopes, stats), logits = jax.lax.scan(turn, start, pieces)
            return (loss, (jax.tree.map(joined, logits), stats)), slopes

        return of_all

    return in_turn


def accumulate_in_order(number, differentiate=jax.value_and_grad):
    return _accumulated(
        number,
        differentiate,
        lambda rows: rows.reshape(number, -1, *rows.shape[1:]),
        lambda pieces: pieces.reshape(-1, *pieces.shape[2:]),
    )


def accumulate_every_nth(number, differentiate=jax.value_and_grad):
    return _accumulated(
        number,
        differentiate,
        lambda rows: jnp.stack([rows[place::number] for place in range(number)]),
        lambda pieces: jnp.moveaxis(pieces, 0, 1).reshape(-1, *pieces.shape[2:]),
    )


def accumulate_by_einops(number, differentiate=jax.value_and_grad):
    return _accumulated(
        number,
        differentiate,
        lambda rows: einops.rearrange(rows, "(piece row) ... -> piece row ...", piece=number),
        lambda pieces: einops.rearrange(pieces, "piece row ... -> (piece row) ..."),
    )
