"""BiLSTM: its cell and scan by hand, PyTorch's packed sequences, and what padding must not do."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import bilstm, cost
from tests.golden import regenerate
from tests.models import filled

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "sequences.npz")
ABOUT = json.loads(str(GOLDEN["about"]))
CASES = [case for case in ABOUT if case.startswith("bilstm")]

update = pytest.mark.exercise("models.bilstm.lstm_update")
scan = pytest.mark.exercise("models.bilstm.masked_scan")
reverse = pytest.mark.exercise("models.bilstm.reverse_padded")


def values_of(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def mask_of(*lengths, time):
    return jnp.arange(time)[None] < jnp.asarray(lengths)[:, None]


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values, np.float64)))


def apply(graphdef, params, inputs, mask):
    return nnx.merge(graphdef, params)(inputs, mask)


compiled = jax.jit(apply, static_argnums=0)


def logits_of(model, inputs, mask=None):
    """The model's logits, compiled: many small operations one by one would take longer."""
    return compiled(*nnx.split(model), inputs, mask)


# ------------------------------------------------------------------ the cell
@update
def test_update_shape():
    """12 gates make a hidden state of 3 and a cell of 3, for each of 2 rows."""
    hidden, cell = bilstm.lstm_update(values_of(2, 12), values_of(2, 3))
    assert hidden.shape == cell.shape == (2, 3)


@update
def test_update_by_hand():
    """Gates of 0 are half open: half of the cell is kept, and half of its tanh is shown."""
    hidden, cell = bilstm.lstm_update(jnp.zeros((1, 4)), jnp.full((1, 1), 2.0))
    np.testing.assert_allclose(cell, [[1.0]], atol=1e-6)
    np.testing.assert_allclose(hidden, [[0.5 * np.tanh(1.0)]], atol=1e-6)


@update
@pytest.mark.parametrize(
    ("gates", "cell"),
    [([9, -9, 9, 9], 1.0), ([-9, 9, 9, 9], 5.0), ([9, 9, 9, 9], 6.0), ([9, 9, -9, 9], 4.0)],
)
def test_update_knows_its_gates(gates, cell):
    """In the order take, keep, candidate, show; the cell held 5, the candidate is +1 or -1."""
    hidden, new = bilstm.lstm_update(jnp.asarray([gates], jnp.float32), jnp.full((1, 1), 5.0))
    np.testing.assert_allclose(new, [[cell]], atol=2e-3)
    np.testing.assert_allclose(hidden, [[np.tanh(cell)]], atol=2e-3)


@update
@pytest.mark.parametrize(("gate", "cell"), [(180, 6.0), (-180, 0.0)])
def test_update_of_large_gates(gate, cell):
    """A gate of 180 is open, one of -180 shut, and neither is NaN, though exp(180) is inf."""
    gates = jnp.asarray([[gate, gate, 180, 180]], jnp.float32)
    hidden, new = bilstm.lstm_update(gates, jnp.full((1, 1), 5.0))
    np.testing.assert_allclose(new, [[cell]], atol=1e-6)
    np.testing.assert_allclose(hidden, [[np.tanh(cell)]], atol=1e-6)


@update
@pytest.mark.parametrize("cell", [100.0, -100.0])
def test_update_of_a_large_cell(cell):
    """A cell that has grown to 100 shows a tanh of 1, and not NaN, though exp(100) is inf."""
    gates = jnp.asarray([[0, 200, 0, 0]], jnp.float32)
    hidden, new = bilstm.lstm_update(gates, jnp.full((1, 1), cell))
    np.testing.assert_allclose(new, [[cell]], rtol=1e-6)
    np.testing.assert_allclose(hidden, [[0.5 * np.sign(cell)]], atol=1e-6)


@update
@pytest.mark.parametrize("gate", [180, -180])
def test_update_of_large_gates_has_a_gradient(gate):
    """Gates that are wide open or shut have a gradient of 0, and not NaN."""

    def total(gates):
        hidden, cell = bilstm.lstm_update(gates, jnp.full((1, 1), 5.0))
        return (hidden + cell).sum()

    slope = jax.grad(total)(jnp.full((1, 4), gate, jnp.float32))
    np.testing.assert_allclose(slope, np.zeros((1, 4)), atol=1e-6)


@update
def test_update_shows_only_what_the_last_gate_lets_through():
    """With the last gate shut the cell is kept, and the hidden state is 0."""
    gates = jnp.asarray([[-9.0, 9.0, 0.0, -9.0]])
    hidden, cell = bilstm.lstm_update(gates, jnp.full((1, 1), 5.0))
    np.testing.assert_allclose(cell, [[5.0]], atol=2e-3)
    np.testing.assert_allclose(hidden, [[0.0]], atol=2e-3)


@update
def test_update_equals_the_formula():
    """Every gate by NumPy, in double precision."""
    gates, before = 8 * values_of(3, 20), values_of(3, 5, seed=1)
    take, keep, candidate, show = (np.asarray(gates)[:, 5 * i : 5 * i + 5] for i in range(4))
    expected = sigmoid(keep) * np.asarray(before) + sigmoid(take) * np.tanh(candidate)
    hidden, cell = bilstm.lstm_update(gates, before)
    np.testing.assert_allclose(cell, expected, atol=1e-6)
    np.testing.assert_allclose(hidden, sigmoid(show) * np.tanh(expected), atol=1e-6)


# ------------------------------------------------------------------ the scan
def total(state, inputs):
    return state + inputs


@scan
def test_scan_shape():
    """One state at the end, and one for every frame."""
    last, states = bilstm.masked_scan(
        total, jnp.zeros((2, 4)), values_of(2, 3, 4), mask_of(3, 2, time=3)
    )
    assert last.shape == (2, 4)
    assert states.shape == (2, 3, 4)


@scan
def test_scan_gives_all_rows_at_once():
    """`update` gets one frame of every row, batch dim, and not of one row alone."""
    frames = values_of(2, 3, 4)
    seen = []

    def note(state, inputs):
        seen.append((state.shape, inputs.shape))
        return state + inputs

    bilstm.masked_scan(note, jnp.zeros((2, 4)), frames, mask_of(3, 2, time=3))
    assert set(seen) == {((2, 4), (2, 4))}


@scan
def test_scan_of_sums_by_hand():
    """A state that adds up is 1 after frame 0, 1 + 2 after frame 1, and stays 3 in the padding."""
    frames = jnp.asarray([1.0, 2.0, 40.0, 50.0])[None, :, None]
    last, states = bilstm.masked_scan(total, jnp.zeros((1, 1)), frames, mask_of(2, time=4))
    assert last.tolist() == [[3.0]]
    assert states[0, :, 0].tolist() == [1.0, 3.0, 3.0, 3.0]


@scan
def test_scan_goes_on_from_the_state_before():
    """It is `update(state, inputs)`: twice the state, plus the frame."""
    frames = jnp.asarray([[1.0, 2.0], [5.0, 6.0]])[:, :, None]

    def double(state, inputs):
        return 2 * state + inputs

    last, _ = bilstm.masked_scan(double, jnp.asarray([[1.0], [0.0]]), frames, mask_of(2, 2, time=2))
    assert last.tolist() == [[2 * (2 * 1 + 1) + 2], [2 * (2 * 0 + 5) + 6]]


@scan
def test_scan_keeps_the_state_of_each_row_by_itself():
    """A state that doubles at every frame still stays as it is where a frame is padding, and only
    in the rows of clips for which it is.
    """
    frames = jnp.asarray([[1.0, 2.0], [5.0, 6.0]])[:, :, None]
    last, _ = bilstm.masked_scan(
        lambda state, inputs: 2 * state + inputs, jnp.ones((2, 1)), frames, mask_of(2, 1, time=2)
    )
    assert last.tolist() == [[2 * (2 * 1 + 1) + 2], [2 * 1 + 5]]


@scan
def test_scan_carries_several_arrays():
    """A state may be several arrays, as an LSTM's two are: here a sum, a count and the frame."""
    frames = values_of(2, 3, 4)

    def count(state, inputs):
        return state[0] + inputs, state[1] + 1, inputs

    start = jnp.zeros((2, 4)), jnp.zeros((2, 1)), jnp.zeros((2, 4))
    (sums, counts, newest), (_, all_counts, _) = bilstm.masked_scan(
        count, start, frames, mask_of(3, 1, time=3)
    )
    np.testing.assert_array_equal(newest, jnp.stack([frames[0, 2], frames[1, 0]]))
    assert counts.tolist() == [[3.0], [1.0]]
    assert all_counts[1, :, 0].tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(sums[1], frames[1, 0], atol=1e-6)


@scan
def test_scan_of_padding_anywhere():
    """Padding in front, in between and behind: the last state is that of the last real frame."""
    frames = jnp.asarray([[1.0, 2.0, 4.0, 8.0, 16.0]] * 3)[:, :, None]
    real = jnp.asarray([[0, 0, 1, 1, 1], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
    last, states = bilstm.masked_scan(total, jnp.ones((3, 1)), frames, real)
    assert states[:, :, 0].tolist() == [[1, 1, 5, 13, 29], [2, 2, 2, 10, 10], [1, 1, 1, 1, 1]]
    assert last[:, 0].tolist() == [29, 10, 1]


@scan
def test_scan_lets_no_gradient_into_padding():
    """What stands in a padded frame can't be learnt from."""
    mask = mask_of(2, 1, time=3)

    def end(frames):
        last, _ = bilstm.masked_scan(total, jnp.zeros((2, 4)), frames, mask)
        return jnp.sum(last)

    gradient = jax.grad(end)(values_of(2, 3, 4))
    np.testing.assert_array_equal(gradient, np.broadcast_to(mask[:, :, None], (2, 3, 4)))


@scan
def test_scan_of_padding_that_is_no_number():
    """NaN in the padding reaches neither the states nor the gradient: the old state is chosen.

    Run operation by operation: a compiler may turn 0 * NaN into 0.
    """
    sequence = jnp.asarray([1.0, 2.0, jnp.nan])[None, :, None]

    def last_of(sequence):
        last, states = bilstm.masked_scan(total, jnp.zeros((1, 1)), sequence, mask_of(2, time=3))
        return last[0, 0], states

    with jax.disable_jit():
        (last, states), slope = jax.value_and_grad(last_of, has_aux=True)(sequence)
    assert last == 3.0
    assert states[0, :, 0].tolist() == [1.0, 3.0, 3.0]
    assert slope[0, :, 0].tolist() == [1.0, 1.0, 0.0]


# ------------------------------------------------------------------ backwards
@reverse
def test_reverse_shape():
    """As it was."""
    assert bilstm.reverse_padded(values_of(2, 3, 4), mask_of(3, 1, time=3)).shape == (2, 3, 4)


@reverse
def test_reverse_by_hand():
    """Three frames and two of padding, 1 2 3 x y, become 3 2 1 x y, even if x is NaN."""
    frames = jnp.asarray([1.0, 2.0, 3.0, jnp.nan, -2.0])[None, :, None]
    turned = bilstm.reverse_padded(frames, mask_of(3, time=5))
    np.testing.assert_array_equal(turned[0, :, 0], [3.0, 2.0, 1.0, np.nan, -2.0])


@reverse
def test_reverse_minds_each_length():
    """Lengths 5, 1 and 3 in one batch, each as a loop turns it."""
    frames, lengths = values_of(3, 5, 2), (5, 1, 3)
    turned = np.asarray(bilstm.reverse_padded(frames, mask_of(*lengths, time=5)))
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(turned[row, :length], frames[row, :length][::-1])


@reverse
def test_reverse_twice_is_nothing():
    """Turned and turned again, a sequence is what it was, padding included."""
    frames, mask = values_of(3, 5, 2), mask_of(4, 1, 5, time=5)
    again = bilstm.reverse_padded(bilstm.reverse_padded(frames, mask), mask)
    np.testing.assert_array_equal(again, frames)


# ------------------------------------------------------------------ the whole model
@functools.cache
def small(layers=2, **overrides):
    settings = dict(num_classes=5, embedding_dim=6, hidden_dim=4, depth=layers, fc_dim=7)
    config = bilstm.BiLSTMConfig(**settings | overrides)
    return filled.random(lambda: bilstm.BiLSTM(config, rngs=nnx.Rngs(0)))


def test_parameters_to_the_digit():
    """ActionBERT's, for embeddings of 512 and 101 classes."""
    config = bilstm.BiLSTMConfig.base(num_classes=101)
    model = cost.abstract_model(lambda: bilstm.BiLSTM(config, rngs=nnx.Rngs(0)))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 14_800_997


def of_pytorch(case):
    """The model of a case with the weights of PyTorch's LSTM."""
    model = nnx.clone(small(**ABOUT[case]["config"]))

    def put(linear, suffix, word):
        for leaf, kind in ((linear.kernel, "weight"), (linear.bias, "bias")):
            name = f"{kind}_{word}_{suffix}"
            leaf[...] = jnp.asarray(regenerate.weight(name, tuple(ABOUT[case]["shapes"][name])).T)

    for direction, ending in ((model.forwards, ""), (model.backwards, "_reverse")):
        for number, lstm in enumerate(direction):
            put(lstm.from_input, f"l{number}{ending}", "ih")
            put(lstm.from_hidden, f"l{number}{ending}", "hh")
    return model


def inputs_of(case):
    lengths = ABOUT["lengths"]
    dim = ABOUT[case]["config"]["embedding_dim"]
    inputs = regenerate.inputs(case, (len(lengths), max(lengths), dim)) / 8
    return jnp.asarray(inputs), mask_of(*lengths, time=max(lengths))


@update
@scan
@reverse
@pytest.mark.parametrize("case", CASES)
def test_last_states_are_those_of_pytorch(case):
    """With the same weights, the states at each sequence's real ends agree within 1e-5."""
    last = jax.jit(of_pytorch(case).read)(*inputs_of(case))
    np.testing.assert_allclose(last, GOLDEN[case], rtol=0, atol=1e-5)


@pytest.mark.parametrize("mistake", ["turned with its padding", "state at the end of the padding"])
def test_mistakes_are_seen(mistake, monkeypatch):
    """Padding read first, or read on to the end, moves the states of shorter sequences."""
    case = CASES[0]
    if mistake.startswith("turned"):
        monkeypatch.setattr(bilstm, "reverse_padded", lambda sequence, mask: sequence[:, ::-1])
    else:
        right = bilstm.masked_scan
        monkeypatch.setattr(
            bilstm, "masked_scan", lambda u, s, x, mask: right(u, s, x, jnp.ones_like(mask))
        )
    gap = np.abs(of_pytorch(case).read(*inputs_of(case)) - GOLDEN[case]).max(axis=1)
    assert gap[0] < 1e-5  # the longest has no padding
    assert (gap[1:] > 1e-2).all()


def test_logits_shape():
    """Two sequences give two rows of logits."""
    assert small()(values_of(2, 3, 6)).shape == (2, 5)


def test_without_a_mask_all_frames_are_real():
    """No mask is the same as one that is True everywhere."""
    model, inputs = small(), values_of(2, 3, 6)
    masked = logits_of(model, inputs, jnp.ones((2, 3), bool))
    np.testing.assert_allclose(logits_of(model, inputs), masked, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
def test_alone_and_in_a_batch(layers):
    """Lengths 1, 3 and 5 in one batch give what each gives alone, without padding."""
    model, inputs, lengths = small(layers), values_of(3, 5, 6), (1, 3, 5)
    together = logits_of(model, inputs, mask_of(*lengths, time=5))
    for row, length in enumerate(lengths):
        alone = logits_of(model, inputs[row : row + 1, :length])
        np.testing.assert_allclose(together[row : row + 1], alone, atol=1e-6)


def test_padding_never_matters():
    """What stands in padded frames, and how many there are, does not change the logits."""
    model, inputs, mask = small(), values_of(2, 4, 6), mask_of(4, 2, time=4)
    changed = inputs.at[1, 2:].set(jnp.nan)
    np.testing.assert_array_equal(logits_of(model, inputs, mask), logits_of(model, changed, mask))
    longer = jnp.pad(inputs, ((0, 0), (0, 9), (0, 0)), constant_values=7.0)
    np.testing.assert_allclose(
        logits_of(model, inputs, mask), logits_of(model, longer, mask_of(4, 2, time=13)), atol=1e-6
    )


def test_order_matters():
    """Read backwards, a sequence gives other logits."""
    model, inputs = small(), values_of(2, 4, 6)
    assert jnp.abs(logits_of(model, inputs) - logits_of(model, inputs[:, ::-1])).max() > 1e-3


def test_every_parameter_learns():
    """A gradient reaches every leaf."""
    graphdef, params = nnx.split(small())
    inputs, mask = values_of(2, 4, 6), mask_of(4, 2, time=4)

    def loss(params):
        return jnp.sum(apply(graphdef, params, inputs, mask) ** 2)

    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert jnp.abs(leaf).max() > 0, f"no gradient for {jax.tree_util.keystr(path)}"


def test_dropout_needs_rngs_to_act():
    """It acts in training only, where rngs are given."""
    model, inputs = small(), values_of(2, 4, 6)
    train = jax.jit(lambda key: model(inputs, rngs=nnx.Rngs(dropout=key)))
    first, second = train(jax.random.key(0)), train(jax.random.key(1))
    assert jnp.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(logits_of(model, inputs), logits_of(model, inputs))
