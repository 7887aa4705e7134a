"""Kernels for a GPU, run step by step on a CPU: the numbers and gradients of the formulas."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid.models import attention, kernels


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def both(function, *inputs, probe):
    """What a function gives, and its gradients along `probe`."""

    def total(*inputs):
        found = function(*inputs)
        return jnp.vdot(found, probe), found

    slopes, found = jax.jit(jax.grad(total, range(len(inputs)), has_aux=True))(*inputs)
    return [found, *slopes]


def test_norm_is_the_formula():
    """Rows of a width that is no power of two, far from zero; scale and bias have gradients."""
    inputs, probe = 3 + 2 * normal(4, 80, 20), normal(4, 80, 20, seed=1)
    scale, bias = normal(20, seed=2), normal(20, seed=3)

    def formula(inputs, scale, bias):
        centred = inputs - inputs.mean(-1, keepdims=True)
        inverse = 1 / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
        return centred * inverse * scale[None, None] + bias[None, None]

    def kernel(inputs, scale, bias):
        return kernels.layer_norm(inputs, scale, bias, 1e-6, True)

    assert kernels.takes_norm(inputs.shape)
    found = both(kernel, inputs, scale, bias, probe=probe)
    expected = both(formula, inputs, scale, bias, probe=probe)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_norm_keeps_its_precision():
    """Far from zero the variance still comes out right, as it does in two passes."""
    values = 1e3 + np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    exact = values.astype(np.float64)
    exact = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    found = kernels.layer_norm(jnp.asarray(values), jnp.ones(64), jnp.zeros(64), 1e-6, True)
    np.testing.assert_allclose(found, exact, atol=1e-3)


@pytest.mark.parametrize("rows", [32, 257, 1000])
def test_norm_leaves_what_it_cannot_share_out(rows):
    """Few rows, and numbers of them that make programs of a few rows each."""
    assert not kernels.takes_norm((rows, 768))


@pytest.mark.parametrize("space", [3, 8])
def test_time_is_the_formula(space):
    """Every place along time, with a padded frame that is ignored, on any number of places."""
    qkv, probe = normal(2, 4, space, 3, 2, 16), normal(2, 4, space, 2, 16, seed=1)
    mask = jnp.asarray([[True, True, True, True], [True, True, True, False]])
    bias = jnp.where(mask, 0.0, kernels.HIDDEN)

    def formula(qkv):
        rows = qkv.transpose(3, 0, 2, 1, 4, 5).reshape(3, 2 * space, 4, 2, 16)
        found = attention.scaled_dot_product(*rows, jnp.repeat(mask, space, axis=0))
        return found.reshape(2, space, 4, 2, 16).transpose(0, 2, 1, 3, 4)

    found = both(lambda qkv: kernels.attend_over_time(qkv, bias, True), qkv, probe=probe)
    expected = both(formula, qkv, probe=probe)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_half_precision_stays():
    """bfloat16 in, bfloat16 out, and gradients of the types of what they are gradients of."""
    half = jnp.bfloat16
    tokens, qkv = normal(256, 24).astype(half), normal(1, 2, 4, 3, 1, 16).astype(half)

    def total(tokens, scale, qkv):
        normed = kernels.layer_norm(tokens, scale, jnp.zeros(24), 1e-6, True)
        attended = kernels.attend_over_time(qkv, jnp.zeros((1, 2)), True)
        assert normed.dtype == attended.dtype == half
        return normed.astype(jnp.float32).sum() + attended.astype(jnp.float32).sum()

    slopes = jax.grad(total, (0, 1, 2))(tokens, jnp.ones(24), qkv)
    assert [slope.dtype for slope in slopes] == [half, jnp.float32, half]


def on_an_nvidia_gpu():
    """Programs are lowered for one that isn't there; JAX asks for its name from 0.12 on."""
    fields = dict(device_kind="NVIDIA H100 80GB HBM3", num_cores=None)
    if "platform" in {field.name for field in dataclasses.fields(jax.sharding.AbstractDevice)}:
        fields |= dict(platform="gpu")
    device = jax.sharding.AbstractDevice(**fields)
    mesh = jax.sharding.AbstractMesh((), (), abstract_device=device)
    return jax.sharding.use_abstract_mesh(mesh)


def test_they_are_lowered_for_a_gpu():
    """Triton takes every operation in them, forward and back, without a GPU at hand."""
    tokens = jnp.zeros((2, 8, 196, 768), jnp.bfloat16)
    qkv = jnp.zeros((2, 8, 196, 3, 12, 64), jnp.bfloat16)

    def total(tokens, scale, qkv):
        normed = kernels.layer_norm(tokens, scale, scale)
        attended = kernels.attend_over_time(qkv, jnp.zeros((2, 8)))
        return normed.astype(jnp.float32).sum() + attended.astype(jnp.float32).sum()

    with on_an_nvidia_gpu():
        traced = jax.jit(jax.grad(total, (0, 1, 2))).trace(tokens, jnp.zeros(768), qkv)
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("stablehlo.custom_call @") >= 2
