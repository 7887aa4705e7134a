"""Wrong answers for the exercises of flaxvid.training.averaging."""

import jax
import jax.numpy as jnp

from flaxvid.training import averaging


# --- averaged ---------------------------------------------------------------------------
def _mean(kept, old, new):
    return jax.tree.map(lambda a, b: kept * a + (1 - kept) * b, old, new)


def _kept(number, decay):
    return jnp.minimum(decay, (1 + number) / (10 + number))


def averaged_not_at_all(train_step, decay):
    return train_step


def averaged_of_the_weights_before(train_step, decay):
    def step(state, batch):
        new, measured = train_step(state, batch)
        return new._replace(
            average=_mean(_kept(new.step, decay), state.average, state.params)
        ), measured

    return step


def averaged_turned_round(train_step, decay):
    def step(state, batch):
        state, measured = train_step(state, batch)
        average = _mean(_kept(state.step, decay), state.params, state.average)
        return state._replace(average=average), measured

    return step


def averaged_into_the_weights(train_step, decay):
    def step(state, batch):
        state, measured = train_step(state, batch)
        average = _mean(_kept(state.step, decay), state.average, state.params)
        return state._replace(average=average, params=average), measured

    return step


def averaged_without_what_was_measured(train_step, decay):
    def step(state, batch):
        state, _ = train_step(state, batch)
        average = _mean(_kept(state.step, decay), state.average, state.params)
        return state._replace(average=average), {}

    return step


def averaged_at_once_in_full(train_step, decay):
    def step(state, batch):
        state, measured = train_step(state, batch)
        return state._replace(average=_mean(decay, state.average, state.params)), measured

    return step


def averaged_by_the_number_before(train_step, decay):
    def step(state, batch):
        kept = _kept(state.step, decay)
        state, measured = train_step(state, batch)
        return state._replace(average=_mean(kept, state.average, state.params)), measured

    return step


def averaged_at_least(train_step, decay):
    def step(state, batch):
        state, measured = train_step(state, batch)
        kept = jnp.maximum(decay, (1 + state.step) / (10 + state.step))
        return state._replace(average=_mean(kept, state.average, state.params)), measured

    return step


def averaged_by_if(train_step, decay):
    def step(state, batch):
        state, measured = train_step(state, batch)
        kept = (1 + state.step) / (10 + state.step)
        if kept > decay:
            kept = decay
        return state._replace(average=_mean(kept, state.average, state.params)), measured

    return step


def averaged_with_the_loss_alone(train_step, decay):  # of all that was measured
    own = package_averaged(train_step, decay)

    def step(state, batch):
        state, measured = own(state, batch)
        return state, {"loss": measured["loss"]}

    return step


def averaged_early_in_100_steps(train_step, decay):  # whatever the decay is
    def step(state, batch):
        state, measured = train_step(state, batch)
        kept = jnp.where(state.step < 100, _kept(state.step, decay), decay)
        return state._replace(average=_mean(kept, state.average, state.params)), measured

    return step


def averaged_never_at_decay_0(train_step, decay):  # as if 0 meant off
    return package_averaged(train_step, decay) if decay else train_step


# Kept from before a check puts a wrong answer in its place.
package_averaged = averaging.averaged


def averaged_with_the_optimizer_of_before(train_step, decay):
    def step(state, batch):
        new, measured = train_step(state, batch)
        average = _mean(_kept(new.step, decay), state.average, new.params)
        return state._replace(step=new.step, params=new.params, average=average), measured

    return step


def averaged_of_a_flat_dict(train_step, decay):  # a model's weights are a tree of dicts
    def step(state, batch):
        state, measured = train_step(state, batch)
        kept = _kept(state.step, decay)
        average = {
            name: kept * state.average[name] + (1 - kept) * leaf
            for name, leaf in state.params.items()
        }
        return state._replace(average=average), measured

    return step


def averaged_in_place(train_step, decay):  # the old state's mean is the same dict
    def step(state, batch):
        state, measured = train_step(state, batch)
        average = _mean(_kept(state.step, decay), state.average, state.params)
        for name, leaf in average.items():
            state.average[name] = leaf
        return state, measured

    return step
