"""Wrong answers for the exercises of flaxvid.training.optimizer."""

import optax

from flaxvid.training import optimizer


# --- schedule ---------------------------------------------------------------------------
def _schedule(recipe, steps, *, cosine=None, falls=None):
    """The right schedule, but for the one that is given."""
    if recipe.schedule == "step" and falls:
        return optax.piecewise_constant_schedule(recipe.learning_rate, falls)
    if recipe.schedule == "cosine" and cosine:
        return cosine
    return package_schedule(recipe, steps)


def schedule_decay_counted_after_warmup(recipe, steps):
    peak, warmup = recipe.learning_rate, round(recipe.warmup * steps)
    start = 0.0 if warmup else peak
    cosine = optax.warmup_cosine_decay_schedule(start, peak, warmup, steps - warmup, peak / 100)
    return _schedule(recipe, steps, cosine=cosine)


def schedule_falls_to_nothing(recipe, steps):
    peak, warmup = recipe.learning_rate, round(recipe.warmup * steps)
    start = 0.0 if warmup else peak
    cosine = optax.warmup_cosine_decay_schedule(start, peak, warmup, steps, 0.0)
    return _schedule(recipe, steps, cosine=cosine)


def schedule_without_warmup(recipe, steps):
    return _schedule(
        recipe, steps, cosine=optax.cosine_decay_schedule(recipe.learning_rate, steps, 0.01)
    )


def schedule_falls_by_what_is_left(recipe, steps):  # optax multiplies one by the other
    milestones = enumerate(recipe.milestones, start=1)
    return _schedule(recipe, steps, falls={round(share * steps): 0.1**n for n, share in milestones})


def schedule_of_a_dict_of_milestones(recipe, steps):  # two that are one step count once
    return _schedule(recipe, steps, falls=dict.fromkeys(recipe.milestone_steps(steps), 0.1))


def schedule_one_step_late(recipe, steps):
    falls = {round(share * steps) + 1: 0.1 for share in recipe.milestones}
    return _schedule(recipe, steps, falls=falls)


def schedule_begins_low(recipe, steps):  # also where there is no warm-up: step 0 is wasted
    if recipe.schedule == "constant":
        return optax.warmup_constant_schedule(0.0, recipe.learning_rate, 1)
    return _schedule(recipe, steps)


def schedule_with_a_cosine_that_begins_low(recipe, steps):  # also without warm-up
    own = _schedule(recipe, steps)
    return own if recipe.schedule != "cosine" else lambda number: own(number) * (number > 0)


def schedule_warming_up_from_the_first_share(recipe, steps):  # not from 0
    peak, warmup = recipe.learning_rate, recipe.warmup_steps(steps)
    start = peak / warmup if warmup else peak
    cosine = optax.warmup_cosine_decay_schedule(
        start, peak, warmup, max(steps, warmup + 1), peak / 100
    )
    return _schedule(recipe, steps, cosine=cosine)


def schedule_warming_up_always(recipe, steps):  # not the cosine alone
    if recipe.schedule != "constant":
        return _schedule(recipe, steps)
    warmup = max(1, round(recipe.warmup * steps))
    return optax.warmup_constant_schedule(0.0, recipe.learning_rate, warmup)


def schedule_of_shares_alone(recipe, steps):  # milestones and warm-up may be given as steps
    peak, warmup = recipe.learning_rate, round(recipe.warmup * steps)
    cosine = optax.warmup_cosine_decay_schedule(
        peak * (not warmup), peak, warmup, steps, peak / 100
    )
    falls = {round(share * steps): 0.1 for share in recipe.milestones}
    return _schedule(recipe, steps, cosine=cosine, falls=falls)


def schedule_by_if(recipe, steps):  # the number of the step is traced
    own = _schedule(recipe, steps)
    return lambda number: own(number) if number >= 0 else 0.0


package_schedule = optimizer.schedule  # before a check puts a wrong answer in its place
