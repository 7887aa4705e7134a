"""Wrong answers for the exercises of flaxvid.models.bilstm."""

import jax
import jax.numpy as jnp


# --- lstm_update ------------------------------------------------------------------------
def _gates(gates):
    return jnp.split(gates, 4, axis=-1)


def lstm_update_keep_first(gates, cell):  # the order of other libraries
    keep, take, candidate, show = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * jnp.tanh(cell), cell


def lstm_update_show_third(gates, cell):
    take, keep, show, candidate = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * jnp.tanh(cell), cell


def lstm_update_candidate_through_sigmoid(gates, cell):
    take, keep, candidate, show = map(jax.nn.sigmoid, _gates(gates))
    cell = keep * cell + take * candidate
    return show * jnp.tanh(cell), cell


def lstm_update_cell_shown_as_it_is(gates, cell):
    take, keep, candidate, show = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * cell, cell


def lstm_update_old_cell_shown(gates, cell):
    take, keep, candidate, show = _gates(gates)
    new = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * jnp.tanh(cell), new


def lstm_update_cell_first(gates, cell):
    take, keep, candidate, show = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return cell, jax.nn.sigmoid(show) * jnp.tanh(cell)


def lstm_update_that_overflows(gates, cell):  # infinity / infinity is NaN
    take, keep, candidate, show = _gates(gates)
    take, keep, show = (jnp.exp(x) / (1 + jnp.exp(x)) for x in (take, keep, show))
    cell = keep * cell + take * jnp.tanh(candidate)
    return show * jnp.tanh(cell), cell


def lstm_update_with_a_tanh_that_overflows(gates, cell):  # of the cell, which no gate bounds
    take, keep, candidate, show = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    up, down = jnp.exp(cell), jnp.exp(-cell)
    return jax.nn.sigmoid(show) * (up - down) / (up + down), cell


def lstm_update_whose_gradient_overflows(gates, cell):  # 1 / (1 + inf) is 0, its slope is NaN
    take, keep, candidate, show = _gates(gates)
    take, keep, show = (1 / (1 + jnp.exp(-x)) for x in (take, keep, show))
    cell = keep * cell + take * jnp.tanh(candidate)
    return show * jnp.tanh(cell), cell


def lstm_update_wide_open_from_6_on(gates, cell):
    take, keep, candidate, show = jnp.split(gates, 4, axis=-1)
    new = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    show = jnp.where(jnp.abs(show) > 6, show > 0, jax.nn.sigmoid(show))
    return show * jnp.tanh(new), new


# --- masked_scan ------------------------------------------------------------------------
def _scan(update, state, sequence, mask, choose):
    states = []
    for t in range(sequence.shape[1]):
        real = mask[:, t, None]
        new = update(state, sequence[:, t])
        state = jax.tree.map(lambda n, o, real=real: choose(real, n, o), new, state)
        states.append(state)
    return state, jax.tree.map(lambda *values: jnp.stack(values, axis=1), *states)


def masked_scan_without_a_mask(update, state, sequence, mask):
    return _scan(update, state, sequence, mask, lambda real, new, old: new)


def masked_scan_forgets_in_padding(update, state, sequence, mask):
    return _scan(update, state, sequence, mask, lambda real, new, old: jnp.where(real, new, 0.0))


def masked_scan_of_the_padding(update, state, sequence, mask):
    return _scan(update, state, sequence, mask, lambda real, new, old: jnp.where(real, old, new))


def masked_scan_zeros_for_padding(update, state, sequence, mask):  # and goes on updating
    zeroed = jnp.where(mask[:, :, None], sequence, 0.0)
    return _scan(update, state, zeroed, mask, lambda real, new, old: new)


def masked_scan_from_nothing(update, state, sequence, mask):  # the state given is not used
    state = jax.tree.map(jnp.zeros_like, state)
    return _scan(update, state, sequence, mask, jnp.where)


def masked_scan_time_first(update, state, sequence, mask):
    last, states = _scan(update, state, sequence, mask, jnp.where)
    return last, jax.tree.map(lambda values: jnp.moveaxis(values, 1, 0), states)


# --- reverse_padded ---------------------------------------------------------------------
def reverse_padded_with_its_padding(sequence, mask):
    return sequence[:, ::-1]


def reverse_padded_padding_is_lost(sequence, mask):  # the last real frame stands in its place
    times, lengths = jnp.arange(sequence.shape[1])[None], mask.sum(axis=1, keepdims=True)
    order = jnp.maximum(lengths - 1 - times, 0)
    return jnp.take_along_axis(sequence, order[:, :, None], axis=1)


def reverse_padded_one_too_far(sequence, mask):
    times, lengths = jnp.arange(sequence.shape[1])[None], mask.sum(axis=1, keepdims=True)
    order = jnp.where(times < lengths, lengths - times, times)
    return jnp.take_along_axis(sequence, order[:, :, None], axis=1)


def reverse_padded_longest_for_all(sequence, mask):
    times, length = jnp.arange(sequence.shape[1]), mask.sum(axis=1).max()
    return jnp.take(sequence, jnp.where(times < length, length - 1 - times, times), axis=1)


def masked_scan_multiplied(update, state, sequence, mask):  # 0 x NaN is NaN
    def choose(real, new, old):
        real = real.astype(new.dtype)
        return real * new + (1 - real) * old

    return _scan(update, state, sequence, mask, choose)


def masked_scan_that_counts_to_the_last(update, state, sequence, mask):  # padding may come first
    _, states = _scan(update, state, sequence, mask, jnp.where)
    rows, count = jnp.arange(len(mask)), mask.sum(axis=1)
    return jax.tree.map(lambda values: values[rows, count - 1], states), states


def masked_scan_until_there_is_padding(update, state, sequence, mask):
    real = jnp.cumprod(mask.astype(jnp.int32), axis=1) > 0
    return _scan(update, state, sequence, real, jnp.where)


def masked_scan_of_a_pair(update, state, sequence, mask):  # an LSTM's, and no other tuple
    if isinstance(state, tuple):
        hidden, cell = state
        state = hidden, cell
    return _scan(update, state, sequence, mask, jnp.where)


def reverse_padded_by_a_matrix(sequence, mask):  # 0 x NaN is NaN
    times, lengths = jnp.arange(sequence.shape[1])[None], mask.sum(axis=1, keepdims=True)
    order = jnp.where(times < lengths, lengths - 1 - times, times)
    return jax.nn.one_hot(order, sequence.shape[1], dtype=sequence.dtype) @ sequence
