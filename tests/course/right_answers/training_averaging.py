"""Right answers for the exercises of flaxvid.training.averaging, in other ways."""

import jax
import jax.numpy as jnp
import optax


# --- averaged ---------------------------------------------------------------------------
def averaged_by_difference(train_step, decay):
    def step(state, batch):
        state, measured = train_step(state, batch)
        taken = 1 - jnp.minimum(decay, (state.step + 1) / (state.step + 10))
        average = jax.tree.map(lambda a, b: a + taken * (b - a), state.average, state.params)
        return state._replace(average=average), measured

    return step


def averaged_by_optax(train_step, decay):
    def step(state, batch):
        new, measured = train_step(state, batch)
        early = (new.step + 1.0) / (new.step + 10.0)
        taken = 1 - jnp.where(early < decay, early, decay)
        average = optax.incremental_update(new.params, state.average, taken)
        return new._replace(average=average), measured

    return step


def averaged_leaf_by_leaf(train_step, decay):
    def step(state, batch):
        state, measured = train_step(state, batch)
        kept = jnp.clip((state.step + 1) / (state.step + 10), 0, decay)
        old, form = jax.tree.flatten(state.average)
        new = jax.tree.leaves(state.params)
        average = [kept * a + (1 - kept) * b for a, b in zip(old, new, strict=True)]
        return state._replace(average=jax.tree.unflatten(form, average)), measured

    return step
