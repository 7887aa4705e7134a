"""Attention by chunks of queries: the formula's numbers; a CPU takes it for many tokens."""

import types

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import attention, chunked_attention, cost, fused_attention

MASKS = {"none": None, "some": np.arange(13) < np.array([[13], [9]])}
MANY = chunked_attention.FEWEST + 1  # a CLS token before them


def normal(*shape, seed=0, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("queries", [4, 13])
def test_it_is_the_formula(name, queries, monkeypatch):
    """Values and gradients, with 13 queries in chunks of 3 and one left, or in one."""
    monkeypatch.setattr(chunked_attention, "QUERIES", queries)
    mask = None if MASKS[name] is None else jnp.asarray(MASKS[name])
    inputs = [normal(2, 13, 3, 16, seed=seed) for seed in range(3)]
    probe = normal(2, 13, 3, 16, seed=3)

    def both(function):
        def total(query, key, value):
            found = function(query, key, value, mask)
            return jnp.vdot(found, probe), found

        slopes, found = jax.jit(jax.grad(total, (0, 1, 2), has_aux=True))(*inputs)
        return [found, *slopes]

    expected = both(attention.scaled_dot_product)
    for one, other in zip(both(chunked_attention.dot_product), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_scores_are_taken_in_float32():
    """A product of 640,000 is too large for float16, and no NaN comes of it."""
    query, value = jnp.full((1, 3, 1, 64), 100.0, jnp.float16), normal(1, 3, 1, 64)
    found = chunked_attention.dot_product(query, query, value.astype(jnp.float16))
    assert found.dtype == jnp.float16
    np.testing.assert_allclose(found[0, 0, 0], value.mean(axis=1)[0, 0], atol=2e-3)


def attend_shapes(batch, tokens):
    return jax.ShapeDtypeStruct((batch, tokens, 2, 8), jnp.float32)


def temporary(function, *shapes):
    """Bytes that the compiled gradient takes for itself."""
    slopes = jax.grad(lambda *given: jnp.sum(function(*given)), (0, 1, 2))
    return jax.jit(slopes).lower(*shapes).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.cpu
def test_many_tokens_on_a_cpu_never_have_all_their_scores():
    """Neither forwards nor kept for the backward pass: of two heads they are 8 MB."""
    shapes = [attend_shapes(1, MANY)] * 3
    assert temporary(attention.attend, *shapes) < 4 * 2 * MANY**2
    assert temporary(attention.scaled_dot_product, *shapes) > 2 * 4 * 2 * MANY**2


def test_it_counts_as_the_formula_does():
    """Multiply-adds of a chunk, times the chunks, and of the query that is left."""
    shapes = [attend_shapes(1, MANY)] * 3
    expected = cost.multiply_adds(attention.scaled_dot_product, *shapes)
    assert cost.multiply_adds(attention.attend, *shapes) == expected == 2 * 2 * 8 * MANY**2


def taken(batch, tokens):
    """What is settled for queries of this shape when they are traced."""
    seen = []

    def traced(query):
        seen.append(chunked_attention.here(query))
        return query

    jax.eval_shape(traced, attend_shapes(batch, tokens))
    return seen[0]


@pytest.mark.cpu
def test_few_tokens_open_batches_and_other_devices_have_the_formula(monkeypatch):
    """What is exported with an open batch is for every platform, and takes no loop along."""
    (batch,) = jax.export.symbolic_shape("batch")
    assert taken(2, MANY)
    assert not taken(2, 1000)
    assert not taken(batch, MANY)
    monkeypatch.setattr(fused_attention, "device", lambda: types.SimpleNamespace(platform="gpu"))
    assert not taken(2, MANY)


@pytest.mark.cpu
def test_a_module_takes_it_unless_it_drops_or_is_a_learners(monkeypatch):
    """A learner's formula is not passed over, nor is dropout."""
    module = attention.Attention(16, 2, dropout=0.5, rngs=nnx.Rngs(0))
    tokens = jax.ShapeDtypeStruct((1, MANY, 16), jnp.float32)

    def chunks(drops=False):
        def traced(tokens):
            return module(tokens, None, nnx.Rngs(dropout=0) if drops else None)

        return "scan" in str(jax.make_jaxpr(traced)(tokens))

    assert chunks()
    assert not chunks(drops=True)

    def mine(query, key, value, mask=None, drop=None):
        return value

    monkeypatch.setattr(attention, "scaled_dot_product", mine)
    assert not chunks()
