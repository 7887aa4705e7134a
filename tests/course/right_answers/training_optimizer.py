"""Right answers for the exercises of flaxvid.training.optimizer, in other ways."""

import jax.numpy as jnp
import optax


# --- schedule ---------------------------------------------------------------------------
def schedule_by_hand(recipe, steps):
    peak = recipe.learning_rate
    warmup = recipe.warmup_steps(steps)

    def rate(step):
        if recipe.schedule == "constant":
            return peak
        if recipe.schedule == "step":
            return peak * 0.1 ** sum(step >= fall for fall in recipe.milestone_steps(steps))
        done = jnp.clip((step - warmup) / max(1, steps - warmup), 0, 1)
        falling = peak * (0.01 + 0.99 * (1 + jnp.cos(jnp.pi * done)) / 2)
        return jnp.where(step < warmup, peak * step / max(1, warmup), falling)

    return rate


def schedule_of_joined_parts(recipe, steps):
    peak = recipe.learning_rate
    if recipe.schedule == "constant":
        return lambda step: peak
    if recipe.schedule == "step":
        borders = list(recipe.milestone_steps(steps))
        levels = [optax.constant_schedule(peak / 10**n) for n in range(len(borders) + 1)]
        return optax.join_schedules(levels, borders)
    warmup = recipe.warmup_steps(steps)
    rising = optax.linear_schedule(0.0, peak, max(1, warmup))
    falling = optax.cosine_decay_schedule(peak, max(1, steps - warmup), alpha=0.01)
    return optax.join_schedules([rising, falling], [warmup]) if warmup else falling


def schedule_with_numpy(recipe, steps):
    peak, kind = recipe.learning_rate, recipe.schedule
    if kind == "constant":
        return optax.constant_schedule(peak)
    if kind == "step":
        falls = {}
        for step in recipe.milestone_steps(steps):
            falls[step] = 0.1 * falls.get(step, 1.0)
        return optax.piecewise_constant_schedule(init_value=peak, boundaries_and_scales=falls)
    warmup = recipe.warmup_steps(steps)
    if warmup == 0:
        return optax.cosine_decay_schedule(peak, steps, 0.01)
    whole = max(steps, warmup + 1)
    return optax.warmup_cosine_decay_schedule(0, peak, warmup, whole, peak * 0.01)


def schedule_by_arithmetic(recipe, steps):
    peak = recipe.learning_rate
    if recipe.schedule == "constant":
        return lambda number: jnp.full(jnp.shape(number), peak)
    if recipe.schedule == "step":
        falls = jnp.asarray(recipe.milestone_steps(steps))
        return lambda number: peak * 0.1 ** jnp.sum(number >= falls)
    warmup = recipe.warmup_steps(steps)

    def rate(number):
        share = jnp.clip((number - warmup) / max(steps - warmup, 1), 0, 1)
        fallen = 0.01 + 0.99 * jnp.cos(jnp.pi * share / 2) ** 2
        return peak * jnp.where(number < warmup, number / max(warmup, 1), fallen)

    return rate
