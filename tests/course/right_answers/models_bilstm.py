"""Right answers for the exercises of flaxvid.models.bilstm, in other ways."""

import jax
import jax.numpy as jnp


# --- lstm_update ------------------------------------------------------------------------
def _update(take, keep, candidate, show, cell):
    cell = cell * jax.nn.sigmoid(keep) + jnp.tanh(candidate) * jax.nn.sigmoid(take)
    return jnp.tanh(cell) * jax.nn.sigmoid(show), cell


def lstm_update_by_slices(gates, cell):
    wide = cell.shape[-1]
    return _update(*(gates[:, i * wide : (i + 1) * wide] for i in range(4)), cell)


def lstm_update_by_reshape(gates, cell):
    parts = gates.reshape(len(gates), 4, -1)
    return _update(parts[:, 0], parts[:, 1], parts[:, 2], parts[:, 3], cell)


def lstm_update_by_tanh(gates, cell):  # the sigmoid is half a tanh
    def sigmoid(values):
        return (jnp.tanh(values / 2) + 1) / 2

    take, keep, candidate, show = jnp.array_split(gates, 4, axis=1)
    cell = sigmoid(keep) * cell + sigmoid(take) * jnp.tanh(candidate)
    return sigmoid(show) * jnp.tanh(cell), cell


# --- masked_scan ------------------------------------------------------------------------
def masked_scan_in_a_python_loop(update, state, sequence, mask):
    states = []
    for t in range(sequence.shape[1]):
        real, new = mask[:, t, None], update(state, sequence[:, t])
        state = jax.tree.map(lambda n, o, real=real: jnp.where(real, n, o), new, state)
        states.append(state)
    return state, jax.tree.map(lambda *values: jnp.stack(values, axis=1), *states)


def masked_scan_by_select(update, state, sequence, mask):
    def step(state, t):
        new = update(state, sequence[:, t])
        state = jax.tree.map(
            lambda n, o: jax.lax.select(jnp.broadcast_to(mask[:, t, None], n.shape), n, o),
            new,
            state,
        )
        return state, state

    last, states = jax.lax.scan(step, state, jnp.arange(sequence.shape[1]))
    return last, jax.tree.map(lambda values: values.swapaxes(0, 1), states)


def masked_scan_of_filled_frames(update, state, sequence, mask):
    sequence = jnp.where(mask[:, :, None], sequence, 0)

    def step(state, frame):
        inputs, real = frame
        new = update(state, inputs)
        state = jax.tree.map(lambda n, o: jnp.where(real[:, None], n, o), new, state)
        return state, state

    last, states = jax.lax.scan(step, state, (sequence.swapaxes(0, 1), mask.T))
    return last, jax.tree.map(lambda values: jnp.moveaxis(values, 1, 0), states)


# --- reverse_padded ---------------------------------------------------------------------
def reverse_padded_row_by_row(sequence, mask):
    def of_row(frames, real):
        times, length = jnp.arange(len(frames)), real.sum()
        return frames[jnp.where(real, length - 1 - times, times)]

    return jax.vmap(of_row)(sequence, mask)


def reverse_padded_by_rolling(sequence, mask):
    backwards = jax.vmap(lambda frames, shift: jnp.roll(frames, shift, axis=0))(
        sequence[:, ::-1], mask.sum(axis=1)
    )
    return jnp.where(mask[:, :, None], backwards, sequence)


def reverse_padded_by_sorting(sequence, mask):
    times = jnp.arange(sequence.shape[1])
    order = jnp.argsort(jnp.where(mask, -times, times), axis=1)
    return sequence[jnp.arange(len(sequence))[:, None], order]
