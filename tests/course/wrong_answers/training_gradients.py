"""Wrong answers for the exercises of flaxvid.training.gradients."""

import functools

import jax
import jax.numpy as jnp

from flaxvid.training import gradients


# --- share_of ---------------------------------------------------------------------------
def share_of_nothing_by_nothing(weight, total):
    return jnp.sum(weight) / total


def share_of_by_length(weight, total):
    return len(weight) / jnp.maximum(total, 1.0)


def share_of_mean(weight, total):
    return jnp.mean(weight)


def share_of_turned(weight, total):
    return total / jnp.maximum(jnp.sum(weight), 1.0)


def share_of_one_row_at_least(weight, total):
    return jnp.maximum(jnp.sum(weight), jnp.minimum(total, 1.0)) / jnp.maximum(total, 1.0)


# --- over_devices -----------------------------------------------------------------------
def _spread(axis, differentiate, *, before=True, own_key=True, join="psum", mean_of=jax.lax.pmean):
    """The right one, but for what the options say."""

    def spread(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            if own_key:
                key = jax.random.fold_in(key, jax.lax.axis_index(axis))
            share = gradients.share_of(
                batch["weight"], jax.lax.psum(jnp.sum(batch["weight"]), axis)
            )
            inside, after = (share, 1.0) if before else (1.0, share)
            if join in ("pmean", "sum"):
                inside, after = 1.0, 1.0

            def part(*arguments):
                loss, aux = loss_of(*arguments)
                return inside * loss, aux

            gradient_of = differentiate(part, has_aux=has_aux)
            (loss, (logits, new)), slopes = gradient_of(params, stats, batch, key)
            both = jax.tree.map(lambda own: after * own, (loss, slopes))
            if join == "loss":
                both = jax.lax.psum(loss, axis), slopes
            else:
                both = (jax.lax.pmean if join == "pmean" else jax.lax.psum)(both, axis)
            return (both[0], (logits, mean_of(new, axis))), both[1]

        return of_all

    return spread


def over_devices_mean_of_means(axis, differentiate=jax.value_and_grad):
    return _spread(axis, differentiate, join="pmean")


def over_devices_sum_of_means(axis, differentiate=jax.value_and_grad):
    return _spread(axis, differentiate, join="sum")


def over_devices_only_the_loss_talks(axis, differentiate=jax.value_and_grad):
    return _spread(axis, differentiate, join="loss")


def over_devices_share_too_late(axis, differentiate=jax.value_and_grad):  # wrong with BatchNorm
    return _spread(axis, differentiate, before=False)


def over_devices_same_chance_everywhere(axis, differentiate=jax.value_and_grad):
    return _spread(axis, differentiate, own_key=False)


def over_devices_statistics_drift_apart(axis, differentiate=jax.value_and_grad):
    return _spread(axis, differentiate, mean_of=lambda new, axis: new)


def over_devices_statistics_by_all_devices(axis, differentiate=jax.value_and_grad):
    def mean_of(new, axis):  # also of those that are not on the axis
        return jax.tree.map(lambda leaf: jax.lax.psum(leaf, axis) / jax.device_count(), new)

    return _spread(axis, differentiate, mean_of=mean_of)


def _of_key_0(transformation):
    """The same, but its keys are made from key 0, whichever it is given."""

    def of_loss(loss_of, *, has_aux):
        own = transformation(loss_of, has_aux=has_aux)
        return lambda params, stats, batch, key: own(params, stats, batch, jax.random.key(0))

    return of_loss


def over_devices_same_chance_in_every_step(axis, differentiate=jax.value_and_grad):
    return _of_key_0(_spread(axis, differentiate))


def over_devices_axis_by_name(axis, differentiate=jax.value_and_grad):
    return _spread("data", differentiate)


def over_devices_own_differentiate(axis, differentiate=jax.value_and_grad):
    return devices_of_the_package(axis)


# --- accumulate --------------------------------------------------------------------------
def _in_turn(number, differentiate, *, share=True, own_key=True, keep=True, join=True, cut=True):
    """The right one, but for what the options say."""

    def in_turn(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            total, rows = jnp.sum(batch["weight"]), len(batch["weight"]) // number
            loss, slopes, logits = 0.0, jax.tree.map(jnp.zeros_like, params), []
            for place in range(number):
                chosen = slice(place * rows, (place + 1) * rows)
                piece = jax.tree.map(lambda all_, chosen=chosen: all_[chosen], batch)
                if not cut:
                    counts = jnp.zeros_like(batch["weight"]).at[chosen].set(piece["weight"])
                    piece = batch | {"weight": counts}
                part = gradients.share_of(piece["weight"], total) if share else 1 / number
                own_key_ = jax.random.fold_in(key, place) if own_key else key
                (own, (out, new)), slope = differentiate(loss_of, has_aux=has_aux)(
                    params, stats, piece, own_key_
                )
                loss = loss + part * own
                slopes = jax.tree.map(lambda s, n, part=part: s + part * n, slopes, slope)
                stats = new if keep else stats
                logits.append(out if cut else out[chosen])
            joined = jnp.concatenate(logits if join else logits[::-1])
            return (loss, (joined, new)), slopes

        return of_all

    return in_turn


def accumulate_mean_of_means(number, differentiate=jax.value_and_grad):
    return _in_turn(number, differentiate, share=False)


def accumulate_same_chance_everywhere(number, differentiate=jax.value_and_grad):
    return _in_turn(number, differentiate, own_key=False)


def accumulate_same_chance_in_every_step(number, differentiate=jax.value_and_grad):
    return _of_key_0(turns_of_the_package(number, differentiate))


def accumulate_last_statistics_only(number, differentiate=jax.value_and_grad):
    return _in_turn(number, differentiate, keep=False)


def accumulate_logits_out_of_order(number, differentiate=jax.value_and_grad):
    return _in_turn(number, differentiate, join=False)


def accumulate_all_rows_every_time(number, differentiate=jax.value_and_grad):  # no memory saved
    return _in_turn(number, differentiate, cut=False)


def accumulate_own_differentiate(number, differentiate=jax.value_and_grad):
    return _in_turn(number, jax.value_and_grad)


def accumulate_in_a_python_loop(
    number, differentiate=jax.value_and_grad
):  # compiled `number` times
    return _in_turn(number, differentiate)


def share_of_by_if(weight, total):  # cannot be traced
    return jnp.sum(weight) / total if total > 0 else jnp.float32(0)


def over_devices_statistics_by_share(axis, differentiate=jax.value_and_grad):
    def spread(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            total = jax.lax.psum(jnp.sum(batch["weight"]), axis)
            share = gradients.share_of(batch["weight"], total)

            def weighed(*arguments):
                loss, (logits, new) = loss_of(*arguments)
                # The mean over the devices makes a sum of it.
                share_of_all = jax.lax.axis_size(axis) * share
                return loss, (logits, jax.tree.map(lambda leaf: share_of_all * leaf, new))

            return devices_of_the_package(axis, differentiate)(weighed, has_aux=has_aux)(
                params, stats, batch, key
            )

        return of_all

    return spread


def accumulate_unrolled(number, differentiate=jax.value_and_grad):  # compiled `number` times
    def in_turn(loss_of, *, has_aux):
        def of_all(*arguments):
            scan = jax.lax.scan
            try:
                jax.lax.scan = functools.partial(scan, unroll=number)
                return turns_of_the_package(number, differentiate)(loss_of, has_aux=has_aux)(
                    *arguments
                )
            finally:
                jax.lax.scan = scan

        return of_all

    return in_turn


def _backwards(leaf):
    return leaf[::-1]


def accumulate_backwards(number, differentiate=jax.value_and_grad):  # the last micro-batch first
    def in_turn(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            found = turns_of_the_package(number, differentiate)(loss_of, has_aux=has_aux)
            turned = jax.tree.map(_backwards, batch)
            (loss, (logits, stats)), slopes = found(params, stats, turned, key)
            return (loss, (jax.tree.map(_backwards, logits), stats)), slopes

        return of_all

    return in_turn


def accumulate_without_the_rest(number, differentiate=jax.value_and_grad):  # of rows
    def in_turn(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            left = len(batch["weight"]) // number * number
            cut = jax.tree.map(lambda rows: rows[:left], batch)
            found = turns_of_the_package(number, differentiate)(loss_of, has_aux=has_aux)
            return found(params, stats, cut, key)

        return of_all

    return in_turn


def accumulate_failing_to_reshape(number, differentiate=jax.value_and_grad):  # without a word
    def in_turn(loss_of, *, has_aux):
        def of_all(params, stats, batch, key):
            batch["weight"].reshape(number, -1)
            found = turns_of_the_package(number, differentiate)(loss_of, has_aux=has_aux)
            return found(params, stats, batch, key)

        return of_all

    return in_turn


# Kept from before a check puts a wrong answer in its place.
devices_of_the_package = gradients.over_devices
turns_of_the_package = gradients.accumulate
