"""Recipes become optax: a schedule of the learning rate, and the chain of transformations."""

import jax
import optax
from jaxtyping import PyTree

from flaxvid.training import config


def total_steps(recipe: config.Recipe, num_videos: int, batch_size: int) -> int:
    """Updates of a run: `recipe.steps`, or its epochs of `num_videos // batch_size` each."""
    if recipe.steps is not None:
        return recipe.steps
    return max(1, round(recipe.epochs * (num_videos // batch_size)))


def schedule(recipe: config.Recipe, steps: int) -> optax.Schedule:
    """The learning rate as a function of the step, over a run of `steps` updates."""
    peak = recipe.learning_rate
    match recipe.schedule:
        case "constant":
            return optax.constant_schedule(peak)
        case "step":
            falls = {round(share * steps): 0.1 for share in recipe.milestones}
            return optax.piecewise_constant_schedule(peak, falls)
        case "cosine":
            warmup = round(recipe.warmup * steps)
            # decay_steps counts from the start, warm-up included.
            return optax.warmup_cosine_decay_schedule(
                0.0 if warmup else peak, peak, warmup, max(steps, warmup + 1), peak / 100
            )


def decays(params: PyTree) -> PyTree:
    """True for the leaves that weight decay pulls on: kernels, and nothing else."""

    def is_kernel(path, _leaf):
        return getattr(path[-1], "key", None) == "kernel"

    return jax.tree_util.tree_map_with_path(is_kernel, params)


def create(recipe: config.Recipe, steps: int) -> optax.GradientTransformation:
    """The optimizer of a recipe: clip, then SGD, Adam or AdamW, with decay on kernels only.

    SGD and Adam add the decay to the gradient (L2, as in PyTorch); AdamW decouples it
    (Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019)).
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
    if recipe.clip_norm is None:
        return update
    return optax.chain(optax.clip_by_global_norm(recipe.clip_norm), update)
