"""Recipes become optax: a schedule of the learning rate, and the chain of transformations."""

import re

import jax
import optax
from jaxtyping import PyTree

from flaxvid import errors
from flaxvid.recipes import recipe as recipes
from flaxvid.training import ladder
from flaxvid.training import state as states


def total_steps(recipe: recipes.Recipe, num_videos: int, batch_size: int) -> int:
    """Updates of a run: `recipe.steps`, or as many as its epochs take.

    Batches go on over the end of an epoch, so ten epochs of 15 videos in batches of 8 are 19 steps.
    Of epochs there are at least `recipe.least_steps`, and one.
    """
    if recipe.steps is not None:
        return recipe.steps
    return max(1, recipe.least_steps, round(recipe.epochs * num_videos / batch_size))


def schedule(recipe: recipes.Recipe, steps: int) -> optax.Schedule:
    """The learning rate as a function of the step, over a run of `steps` updates."""
    peak = recipe.learning_rate
    match recipe.schedule:
        case "constant":
            return optax.constant_schedule(peak)
        case "step":
            found = recipe.milestone_steps(steps)  # in a short run two may be the same step
            falls = {step: 0.1 ** found.count(step) for step in found}
            return optax.piecewise_constant_schedule(peak, falls)
        case "cosine":
            warmup = recipe.warmup_steps(steps)
            # decay_steps counts from the start, warm-up included.
            return optax.warmup_cosine_decay_schedule(
                0.0 if warmup else peak, peak, warmup, max(steps, warmup + 1), peak / 100
            )


def decays(params: PyTree) -> PyTree:
    """True for the leaves that weight decay pulls on: kernels, and nothing else."""

    def is_kernel(path, _leaf):
        return getattr(path[-1], "key", None) == "kernel"

    return jax.tree_util.tree_map_with_path(is_kernel, params)


def factors(recipe: recipes.Recipe, params: PyTree) -> PyTree:
    """What each leaf's learning rate is multiplied by: 1, its group's factor, or 0 if frozen.

    The first of `recipe.rate_factors` whose regular expression is found in the leaf's path
    counts; `recipe.freeze` comes before all of them. `recipe.layer_decay` is a factor more for
    each layer on the way from the head down (see `ladder`).

    Raises:
        UserError: for a group that is found in no path; for layer decay in a model without
            blocks.
    """
    paths = [states.path_name(path) for path, _ in jax.tree.leaves_with_path(params)]
    groups = recipe.factor_groups()
    for option, pattern, _ in groups:
        if not any(re.search(pattern, path) for path in paths):
            raise errors.UserError(
                f"{option}: is found in no parameter; they are named as {paths[0]} or {paths[-1]}"
            )

    below = dict(zip(paths, _below_head(recipe, paths), strict=True))

    def factor(path, _leaf):
        name = states.path_name(path)
        found = (number for _, pattern, number in groups if re.search(pattern, name))
        return next(found, 1.0) * recipe.layer_decay ** below[name]

    return jax.tree.map_with_path(factor, params)


def _below_head(recipe, paths):
    """Layers from the head down to each parameter, if it matters."""
    if recipe.layer_decay == 1:
        return [0] * len(paths)
    found = ladder.rungs_below_head(paths)
    if found is None:
        raise errors.UserError(
            f"--layer-decay {recipe.layer_decay:g}: this model has no blocks; leave it out, or "
            "name its parts in --rate-factors"
        )
    return found


def create(recipe: recipes.Recipe, steps: int, params: PyTree) -> optax.GradientTransformation:
    """The optimizer of a recipe: clip, then SGD, Adam or AdamW, with decay on kernels only.

    SGD and Adam add the decay to the gradient (L2, as in PyTorch); AdamW decouples it
    (Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019)). Frozen leaves have
    no state, no decay and no share in the norm that is clipped.

    Args:
        recipe: its optimizer, rates, decay, clipping and groups.
        steps: updates of the whole run.
        params: the parameters, or their shapes.

    Raises:
        UserError: for groups that do not fit the parameters (see `factors`).
    """
    rate, decay = schedule(recipe, steps), recipe.weight_decay
    l2 = optax.add_decayed_weights(decay, mask=decays)
    match recipe.optimizer:
        case "sgd":
            update = optax.chain(l2, optax.sgd(rate, momentum=recipe.momentum))
        case "adam":
            update = optax.chain(l2, optax.adam(rate))
        case "adamw":
            update = optax.adamw(rate, weight_decay=decay, mask=decays)
    if recipe.clip_norm is not None:
        update = optax.chain(optax.clip_by_global_norm(recipe.clip_norm), update)
    by_leaf = factors(recipe, params)
    if set(jax.tree.leaves(by_leaf)) - {0.0, 1.0}:
        update = optax.chain(update, _scale_each(by_leaf))
    if 0.0 in jax.tree.leaves(by_leaf):
        labels = jax.tree.map(lambda own: "frozen" if own == 0 else "learning", by_leaf)
        return optax.partition({"learning": update, "frozen": optax.set_to_zero()}, labels)
    return update


def _scale_each(by_leaf):
    """Multiplies the update of every leaf by its own factor."""

    def is_hidden(update):  # from this part of a partition
        return isinstance(update, optax.MaskedNode)

    def scale(updates, _params):
        return jax.tree.map(
            lambda update, factor: update if is_hidden(update) else update * factor,
            updates,
            by_leaf,
            is_leaf=is_hidden,
        )

    return optax.stateless(scale)
