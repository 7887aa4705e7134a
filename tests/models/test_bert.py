"""BERT and RoBERTa over embeddings: Transformers' numbers, and what padding must not do."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import bert, cost
from flaxvid.weights import bert as weights
from tests.golden import regenerate
from tests.models import filled

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "sequences.npz")
ABOUT = json.loads(str(GOLDEN["about"]))
CASES = ("bert", "roberta")
PRESETS = dict(bert=bert.BertConfig.tiny, roberta=bert.BertConfig.roberta_tiny)

mean = pytest.mark.exercise("models.bert.masked_mean")


def values_of(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def mask_of(*lengths, time):
    return jnp.arange(time)[None] < jnp.asarray(lengths)[:, None]


def config_of(case="bert", **overrides):
    settings = dict(num_classes=5, embedding_dim=6, dim=12, depth=1, num_heads=3, mlp_dim=20)
    return PRESETS[case](**settings | dict(max_positions=20) | overrides)


@functools.cache
def small(case="bert", **overrides):
    config = config_of(case, **overrides)
    return filled.random(lambda: bert.Bert(config, rngs=nnx.Rngs(0)))


def apply(graphdef, params, inputs, mask):
    return nnx.merge(graphdef, params)(inputs, mask)


compiled = jax.jit(apply, static_argnums=0)


def logits_of(model, inputs, mask=None):
    """The model's logits, compiled: many small operations one by one would take longer."""
    return compiled(*nnx.split(model), inputs, mask)


# ------------------------------------------------------------------ pooling
@mean
def test_masked_mean_compiles():
    """The same inside a compiled step, where a mask has no values to ask for."""
    tokens = jnp.asarray([[1.0, 3.0, 100.0], [4.0, 50.0, 60.0]])[:, :, None]
    out = jax.jit(bert.masked_mean)(tokens, mask_of(2, 1, time=3))
    np.testing.assert_allclose(out, [[2.0], [4.0]], atol=1e-6)


@mean
def test_mean_shape():
    """Two sequences of three tokens become two rows."""
    assert bert.masked_mean(values_of(2, 3, 4), mask_of(3, 1, time=3)).shape == (2, 4)


@mean
def test_mean_by_hand():
    """The mean of 1 and 3 is 2; the padding, 100, is not asked."""
    tokens = jnp.asarray([1.0, 3.0, 100.0])[None, :, None]
    assert bert.masked_mean(tokens, mask_of(2, time=3)).tolist() == [[2.0]]


@mean
def test_mean_of_each_length():
    """Every sequence is divided by its own length, a 0 counts too; one token is its own mean."""
    tokens, lengths = values_of(3, 4, 2).at[0, 1, 0].set(0.0), (4, 1, 3)
    pooled = bert.masked_mean(tokens, mask_of(*lengths, time=4))
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(pooled[row], np.mean(tokens[row, :length], axis=0), atol=1e-6)


@mean
def test_mean_of_tokens_anywhere():
    """The tokens left out may stand first or in between; a real token of zeros counts."""
    tokens = jnp.asarray([[1.0, 5.0, 3.0], [7.0, 4.0, 0.0]])[:, :, None]
    mask = jnp.asarray([[True, False, True], [False, True, True]])
    assert bert.masked_mean(tokens, mask).tolist() == [[2.0], [2.0]]


@mean
def test_mean_without_a_mask():
    """Then all tokens are real, one of zeros among them."""
    tokens = values_of(2, 3, 4).at[1, 2].set(0.0)
    np.testing.assert_allclose(bert.masked_mean(tokens), np.mean(tokens, axis=1), atol=1e-6)


@mean
@pytest.mark.parametrize("number", [jnp.nan, jnp.inf])
def test_mean_of_real_tokens_that_are_no_numbers(number):
    """NaN or infinity in a real token has no mean: it is not hidden."""
    tokens = jnp.asarray([1.0, number, 3.0])[None, :, None]
    assert not jnp.isfinite(bert.masked_mean(tokens, mask_of(3, time=3))).any()


@mean
@pytest.mark.parametrize("number", [jnp.nan, jnp.inf])
def test_mean_of_numbers_that_are_none_without_a_mask(number):
    """Without a mask all tokens are real: NaN or infinity in one of them is not hidden."""
    tokens = jnp.asarray([1.0, number, 3.0])[None, :, None]
    assert not jnp.isfinite(bert.masked_mean(tokens)).any()


@mean
def test_mean_of_padding_that_is_no_number():
    """Even NaN in the padding stays there, in the mean and in its gradient.

    Run operation by operation: a compiler may turn 0 * NaN into 0.
    """
    tokens = jnp.asarray([1.0, 3.0, jnp.nan])[None, :, None]
    with jax.disable_jit():
        found, slope = jax.value_and_grad(
            lambda tokens: bert.masked_mean(tokens, mask_of(2, time=3))[0, 0]
        )(tokens)
    assert found == 2.0
    assert slope[0, :, 0].tolist() == [0.5, 0.5, 0.0]


# ------------------------------------------------------------------ Transformers' numbers
def arrays_of(case):
    shapes = ABOUT[case]["shapes"]
    return {name: regenerate.weight(name, tuple(shape)) for name, shape in shapes.items()}


def of_transformers(case, **overrides):
    """The stack of a case, its weights taken from the names of Transformers."""
    config = config_of(case, **ABOUT[case]["config"] | overrides)
    model = cost.abstract_model(lambda: bert.Bert(config, rngs=nnx.Rngs(0)))
    params, _ = weights.load(arrays_of(case), nnx.to_pure_dict(nnx.state(model)))
    return nnx.graphdef(model.stack), params["stack"]


def inputs_of(case):
    lengths, dim = ABOUT["lengths"], ABOUT[case]["config"]["dim"]
    inputs = regenerate.inputs(case, (len(lengths), max(lengths), dim)) / 8
    return jnp.asarray(inputs), mask_of(*lengths, time=max(lengths))


def gap(stack, case):
    """The largest difference from Transformers at a real token."""
    inputs, mask = inputs_of(case)
    states = jax.jit(apply, static_argnums=0)(*stack, inputs, mask)
    return float(jnp.max(jnp.abs(states - GOLDEN[case]), where=mask[:, :, None], initial=0.0))


@pytest.mark.parametrize("case", CASES)
def test_states_are_those_of_transformers(case):
    """With the same weights and lengths 5, 1 and 3, real tokens agree within 1e-5."""
    assert gap(of_transformers(case), case) <= 1e-5


@pytest.mark.parametrize(
    "mistake", [dict(epsilon=1e-6), dict(position_offset=0), dict(position_offset=1)]
)
def test_roberta_differs_from_bert(mistake):
    """Another epsilon, or positions counted from 0, move the states beyond the tolerance."""
    assert gap(of_transformers("roberta", **mistake), "roberta") > 2e-5


def test_wrong_formulas_are_seen(monkeypatch):
    """So does the tanh form of GELU."""
    exact = jax.nn.gelu
    monkeypatch.setattr(jax.nn, "gelu", lambda x, approximate: exact(x, approximate=True))
    jax.clear_caches()  # compiled code would keep the exact one
    assert gap(of_transformers("bert"), "bert") > 5e-5
    jax.clear_caches()


# From the configs of bert-base-uncased and roberta-base: all but the words and the pooler.
@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        ("base", 109_482_240 - 30_522 * 768 - 768 * 769),
        ("roberta_base", 124_645_632 - 50_265 * 768 - 768 * 769),
    ],
)
def test_parameters_to_the_digit(preset, parameters):
    """The stacks have as many parameters as Transformers' base models without their words."""
    config = getattr(bert.BertConfig, preset)(num_classes=101)
    stack = cost.abstract_model(lambda: bert.BertStack(config, rngs=nnx.Rngs(0)))
    assert cost.count_parameters(nnx.state(stack, nnx.Param)) == parameters


# ------------------------------------------------------------------ the whole model
MODELS = pytest.mark.parametrize(
    ("case", "pooling"), [("bert", "cls"), ("roberta", "cls"), ("bert", "mean")]
)


@MODELS
def test_logits_shape(case, pooling):
    """Two sequences give two rows of logits."""
    assert logits_of(small(case, pooling=pooling), values_of(2, 3, 6)).shape == (2, 5)


@MODELS
def test_alone_and_in_a_batch(case, pooling):
    """Lengths 1, 3 and 5 in one batch give what each gives alone, without padding."""
    model, inputs, lengths = small(case, pooling=pooling), values_of(3, 5, 6), (1, 3, 5)
    together = logits_of(model, inputs, mask_of(*lengths, time=5))
    for row, length in enumerate(lengths):
        alone = logits_of(model, inputs[row : row + 1, :length])
        np.testing.assert_allclose(together[row : row + 1], alone, atol=1e-5)


@MODELS
def test_padding_never_matters(case, pooling):
    """What stands in padded frames, and how many there are, does not change the logits."""
    model, inputs = small(case, pooling=pooling), values_of(2, 4, 6)
    mask = mask_of(4, 2, time=4)
    changed = inputs.at[1, 2:].set(7.0)
    np.testing.assert_allclose(
        logits_of(model, inputs, mask), logits_of(model, changed, mask), atol=1e-5
    )
    longer = jnp.pad(inputs, ((0, 0), (0, 9), (0, 0)), constant_values=7.0)
    again = logits_of(model, longer, mask_of(4, 2, time=13))
    np.testing.assert_allclose(logits_of(model, inputs, mask), again, atol=1e-5)


@MODELS
def test_order_matters(case, pooling):
    """Positions tell a sequence from its reverse."""
    model, inputs = small(case, pooling=pooling), values_of(2, 4, 6)
    assert jnp.abs(logits_of(model, inputs) - logits_of(model, inputs[:, ::-1])).max() > 1e-3


def test_without_positions_order_is_lost():
    """With all positions alike, attention sees a set of frames."""
    model, inputs = nnx.clone(small()), values_of(2, 4, 6)
    model.stack.position_embed[...] = jnp.zeros_like(model.stack.position_embed[...])
    np.testing.assert_allclose(
        logits_of(model, inputs), logits_of(model, inputs[:, ::-1]), atol=1e-5
    )


@MODELS
def test_every_parameter_learns(case, pooling):
    """A gradient reaches every leaf, and of the tables the rows that are used."""
    graphdef, params = nnx.split(small(case, pooling=pooling))
    inputs, mask = values_of(2, 4, 6), mask_of(4, 2, time=4)

    def loss(params):
        return jnp.sum(apply(graphdef, params, inputs, mask) ** 2)

    gradients = nnx.to_pure_dict(jax.jit(jax.grad(loss))(params))
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        assert jnp.abs(leaf).max() > 0, f"no gradient for {jax.tree_util.keystr(path)}"
    used = np.flatnonzero(np.abs(gradients["stack"]["position_embed"]).sum(axis=1))
    first, tokens = (2 if case == "roberta" else 0), (5 if pooling == "cls" else 4)
    assert used.tolist() == list(range(first, first + tokens))


def test_dropout_needs_rngs_to_act():
    """It acts in training only, where rngs are given."""
    model, inputs = small(dropout=0.3), values_of(2, 4, 6)
    train = jax.jit(lambda key: model(inputs, rngs=nnx.Rngs(dropout=key)))
    first, second = train(jax.random.key(0)), train(jax.random.key(1))
    assert jnp.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(logits_of(model, inputs), logits_of(model, inputs))


def test_a_sequence_longer_than_the_positions_is_refused():
    """20 positions, one for CLS: 20 frames are one too many, and RoBERTa has two fewer still."""
    assert small()(values_of(1, 19, 6)).shape == (1, 5)
    with pytest.raises(errors.UserError, match="21 tokens is longer than the 20 positions"):
        small()(values_of(1, 20, 6))
    with pytest.raises(errors.UserError, match="19 tokens is longer than the 18 positions"):
        small("roberta")(values_of(1, 18, 6))
