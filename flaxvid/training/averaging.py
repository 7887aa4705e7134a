"""EMA: an exponential moving average of the weights, kept beside them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

TrainStep = Callable[..., tuple[Any, dict[str, Array]]]


def averaged(train_step: TrainStep, decay: float) -> TrainStep:
    """After each step the state's `average` takes `1 - decay` of the new weights.

    Early on it takes more, (number of the step + 1) / (number + 10) at most being kept, so that it
    forgets where it began.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992);
    the warm-up is that of TensorFlow's ExponentialMovingAverage.
    """

    def step(state, batch):
        state, measured = train_step(state, batch)
        number = state.step.astype(jnp.float32)
        kept = jnp.minimum(decay, (1 + number) / (10 + number))
        average = jax.tree.map(
            lambda old, new: kept * old + (1 - kept) * new, state.average, state.params
        )
        return state._replace(average=average), measured

    return step
