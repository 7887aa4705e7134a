"""Parameters that stay as they are: `--freeze`, for every model.

No gradient is computed for them, the optimizer keeps nothing of them (`optimizer.create`), and a
BatchNorm among them uses the statistics that it was trained with (`state.split`).
"""

import jax
from jaxtyping import PyTree

from flaxvid.recipes import recipe as recipes
from flaxvid.training import gradients
from flaxvid.training import state as states


def frozen(recipe: recipes.Recipe, params: PyTree) -> PyTree:
    """True for every leaf that a recipe keeps as it is."""
    return jax.tree.map_with_path(lambda path, _: recipe.freezes(states.path_name(path)), params)


def without(frozen: PyTree, differentiate: gradients.Differentiate) -> gradients.Differentiate:
    """`differentiate`, but the backward pass ends where only frozen leaves are left.

    Args:
        frozen: True for the leaves whose gradient is zero.
        differentiate: as `jax.value_and_grad`.
    """
    if not any(jax.tree.leaves(frozen)):
        return differentiate

    def of(loss_of, **settings):
        def held(params, *rest):
            stopped = jax.tree.map(
                lambda leaf, stays: jax.lax.stop_gradient(leaf) if stays else leaf, params, frozen
            )
            return loss_of(stopped, *rest)

        return differentiate(held, **settings)

    return of
