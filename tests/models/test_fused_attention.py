"""Fused attention: its numbers are the formula's, and it is taken where the device has it."""

import types

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import attention, fused_attention
from tests.models import filled

ON_CPU = fused_attention.How(implementation="xla", interpret=True)
HALF = jnp.bfloat16
H200 = types.SimpleNamespace(platform="gpu", compute_capability="9.0")


def normal(*shape, seed=0, dtype=HALF):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


MASKS = {
    "none": None,
    "end": np.arange(13) < np.array([[13], [9]]),
    "middle": ~np.isin(np.arange(26).reshape(2, 13), [3, 4, 20]),
}


@pytest.mark.parametrize("name", MASKS)
def test_it_is_the_formula(name):
    """Within 2e-2 in bfloat16, with its gradients, of 13 tokens and whatever mask."""
    mask = None if MASKS[name] is None else jnp.asarray(MASKS[name])
    inputs = [normal(2, 13, 3, 16, seed=seed) for seed in range(3)]
    probe = normal(2, 13, 3, 16, seed=3, dtype=jnp.float32)

    def both(function):
        def total(query, key, value):
            found = function(query, key, value, mask)
            return jnp.vdot(found.astype(jnp.float32), probe), found

        slopes, found = jax.jit(jax.grad(total, (0, 1, 2), has_aux=True))(*inputs)
        return [found, *slopes]

    found = both(lambda *given: fused_attention.dot_product(*given, how=ON_CPU))
    for one, other in zip(found, both(attention.scaled_dot_product), strict=True):
        assert one.dtype == HALF
        one, other = (np.asarray(array, np.float32) for array in (one, other))
        np.testing.assert_allclose(one, other, atol=2e-2 * max(1, np.abs(other).max()))


def test_padded_tokens_are_ignored():
    """Of 16 tokens the first 13 are real, whatever stands at the others."""
    query, key, value = (normal(2, 16, 3, 16, seed=seed, dtype=jnp.float32) for seed in range(3))
    padded = jax.jit(
        lambda *given: fused_attention.dot_product(*given, how=ON_CPU, length=13)[:, :13]
    )
    found = padded(query, key, value)
    real = (array[:, :13] for array in (query, key, value))
    expected = jax.jit(attention.scaled_dot_product)(*real)
    np.testing.assert_allclose(found, expected, atol=1e-5)


DEVICES = {
    "H200": (H200, True),
    "T4": (types.SimpleNamespace(platform="gpu", compute_capability="7.5"), False),
    "MI300": (types.SimpleNamespace(platform="gpu", compute_capability="gfx942"), False),
    "CPU": (types.SimpleNamespace(platform="cpu"), False),
}


@pytest.mark.parametrize("name", DEVICES)
def test_the_device_decides(name, monkeypatch):
    """NVIDIA's GPUs from Ampere on, in half precision; several share no kernel of our own."""
    device, expected = DEVICES[name]
    monkeypatch.setattr(jax, "devices", lambda *_: [device])
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert fused_attention.here(jnp.zeros((1, 2), HALF)) == (
        fused_attention.How() if expected else None
    )
    assert fused_attention.here(jnp.zeros((1, 2))) is None
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    assert fused_attention.here(jnp.zeros((1, 2), HALF)) == (
        fused_attention.How(kernels=False) if expected else None
    )


def test_another_device_by_default_decides(monkeypatch):
    """Beside a GPU, a program that is traced for the CPU is the CPU's."""
    cpu = jax.devices("cpu")[0]
    monkeypatch.setattr(jax, "devices", lambda *_: [H200])
    with jax.default_device(cpu):
        assert fused_attention.here(jnp.zeros((1, 2), HALF)) is None


def test_what_is_exported_is_not_fused(monkeypatch):
    """A program with an open batch is for every platform."""
    monkeypatch.setattr(fused_attention, "_has_fused_attention", lambda device: True)
    (batch,) = jax.export.symbolic_shape("batch")
    seen = []

    def traced(tokens):
        seen.append(fused_attention.here(tokens))
        return tokens

    jax.export.export(jax.jit(traced))(jax.ShapeDtypeStruct((batch, 3), HALF))
    jax.export.export(jax.jit(traced))(jax.ShapeDtypeStruct((4, 3), HALF))
    assert seen[0] is None
    assert seen[1] is not None


# ------------------------------------------------------------------ in the module
def module_of(dropout=0.0):
    def build():
        return attention.Attention(32, 2, dropout=dropout, dtype=HALF, rngs=nnx.Rngs(0))

    return filled.random(build)


@pytest.fixture
def taken(monkeypatch):
    """How often attention went without its scores, on a device that has it."""
    calls, own = [], fused_attention.dot_product
    monkeypatch.setattr(fused_attention, "here", lambda tokens: ON_CPU)
    monkeypatch.setattr(
        fused_attention, "dot_product", lambda *a, **k: calls.append(1) or own(*a, **k)
    )
    return calls


def test_a_module_takes_it(taken, monkeypatch):
    """Over 128 tokens and more, with a mask, and it gives what the formula does."""
    module, tokens = module_of(), normal(2, 130, 32)
    mask = jnp.arange(130)[None] < jnp.asarray([[130], [77]])
    found = jax.jit(lambda *given: module(*given))(tokens, mask)
    assert taken == [1]
    monkeypatch.setattr(fused_attention, "here", lambda tokens: None)
    expected = jax.jit(lambda *given: module(*given))(tokens, mask).astype(jnp.float32)
    np.testing.assert_allclose(
        found.astype(jnp.float32), expected, atol=2e-2 * float(jnp.abs(expected).max())
    )
    assert taken == [1]


def test_a_module_keeps_the_formula_where_it_must(taken, monkeypatch):
    """Few tokens, dropped weights, weights that are looked at, and a learner's formula."""
    many, few = (jax.ShapeDtypeStruct((2, count, 32), HALF) for count in (130, 20))
    jax.eval_shape(module_of(), few)
    drops = module_of(dropout=0.5)
    jax.eval_shape(lambda tokens: drops(tokens, rngs=nnx.Rngs(dropout=0)), many)
    seen = jax.eval_shape(lambda tokens: attention.weights(module_of(), tokens), many)
    assert seen.shape == (2, 2, 130, 130)
    monkeypatch.setattr(attention, "scaled_dot_product", lambda *given: given[2])
    jax.eval_shape(module_of(), many)
    assert taken == []
