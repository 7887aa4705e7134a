"""TimeSformer's blocks laid out for a GPU: the numbers of its own blocks, nothing passed over."""

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import attention, divided_gpu, fused_attention, layers, timesformer
from tests.models import filled

ON_CPU = fused_attention.How(implementation="xla", interpret=True)
SMALL = dict(num_classes=5, num_frames=4, image_size=16, patch_size=4, dim=32, depth=2)
SMALL |= dict(num_heads=2, mlp_dim=48, drop_path=0.3)


def model_of(**overrides):
    config = timesformer.TimeSformerConfig(**SMALL | overrides)
    return filled.random(lambda: timesformer.TimeSformer(config, rngs=nnx.Rngs(0)), spread=0.1)


CLIPS = jnp.asarray(np.random.default_rng(1).normal(size=(4, 4, 16, 16, 3)).astype(np.float32))
MASK = jnp.asarray([[True] * 4, [True] * 4, [True] * 4, [True, True, True, False]])


def learn(model, how, monkeypatch, key=None):
    """Logits and gradients of a model, computed so."""
    monkeypatch.setattr(fused_attention, "here", lambda tokens: how)
    graphdef, params = nnx.split(model)
    probe = jnp.arange(20.0).reshape(4, 5) - 9

    def total(params):
        rngs = None if key is None else nnx.Rngs(dropout=jax.random.key(key))
        logits = nnx.merge(graphdef, params)(CLIPS, MASK, rngs)
        return jnp.vdot(logits, probe), logits

    slopes, logits = jax.jit(jax.grad(total, has_aux=True))(params)
    return logits, nnx.to_pure_dict(slopes)


@pytest.fixture(autouse=True)
def few_tokens_are_worth_it(monkeypatch):
    monkeypatch.setattr(fused_attention, "FEWEST", 17)


WAYS = {
    "kernels": (ON_CPU, dict(remat=True, depth=1)),
    "without kernels": (fused_attention.How(implementation="xla", kernels=False), {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_numbers_are_those_of_the_blocks(way, monkeypatch):
    """In float32 within 1e-5, gradients too, with a padded frame and stochastic depth."""
    how, overrides = WAYS[way]
    model = model_of(**overrides)
    expected, slopes = learn(model, None, monkeypatch, key=3)
    calls, own = [], divided_gpu.run
    monkeypatch.setattr(divided_gpu, "run", lambda *a, **k: calls.append(1) or own(*a, **k))
    found, fused_slopes = learn(model, how, monkeypatch, key=3)
    assert calls == [1]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    largest = max(float(jnp.abs(slope).max()) for slope in jax.tree.leaves(slopes))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5 * largest), fused_slopes, slopes
    )


def test_in_bfloat16_they_are_close(monkeypatch):
    """Within 2e-2 of the largest logit, and of the largest gradient."""
    model = model_of(dtype="bfloat16", depth=1)
    expected, slopes = learn(model, None, monkeypatch)
    found, fused_slopes = learn(model, ON_CPU, monkeypatch)
    np.testing.assert_allclose(found, expected, atol=2e-2 * float(jnp.abs(expected).max()))
    largest = max(float(jnp.abs(slope).max()) for slope in jax.tree.leaves(slopes))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=2e-2 * largest), fused_slopes, slopes
    )
    assert {slope.dtype for slope in jax.tree.leaves(fused_slopes)} == {jnp.dtype("float32")}


LEARNERS = [
    (attention, "scaled_dot_product"),
    (attention, "over_time"),
    (attention, "over_space"),
    (layers, "MLP"),
]


@pytest.mark.parametrize(("module", "name"), LEARNERS)
def test_a_learners_part_is_called(module, name, monkeypatch):
    """A function that a learner put in the place of flaxvid's is not passed over."""
    monkeypatch.setattr(fused_attention, "here", lambda tokens: ON_CPU)
    own, called = getattr(module, name), []

    def mine(*given, **settings):
        called.append(name)
        return own(*given, **settings)

    monkeypatch.setattr(module, name, mine)
    nnx.eval_shape(model_of_shapes)
    assert called


def model_of_shapes():
    config = timesformer.TimeSformerConfig(**SMALL)
    return timesformer.TimeSformer(config, rngs=nnx.Rngs(0))(CLIPS, MASK)


def test_a_learners_block_is_called():
    """Blocks of a class that a learner wrote are not passed over."""

    class Block(timesformer.Block):
        pass

    own, mine = (
        kind(32, 2, 48, 4, dtype=jnp.float32, rngs=nnx.Rngs(0))
        for kind in (timesformer.Block, Block)
    )
    assert divided_gpu.takes([own], (4, 4, 4))
    assert not divided_gpu.takes([own, mine], (4, 4, 4))


def test_maps_are_seen(monkeypatch):
    """Attention that is looked at is the formula's."""
    model = model_of()
    expected = jax.eval_shape(lambda: attention.maps(model, CLIPS))
    monkeypatch.setattr(fused_attention, "here", lambda tokens: ON_CPU)
    assert jax.eval_shape(lambda: attention.maps(model, CLIPS)) == expected


def shapes_in(jaxpr):
    """The shapes of all arrays in a program, those inside its parts too."""
    for equation in jaxpr.eqns:
        yield from (var.aval.shape for var in equation.outvars)
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from shapes_in(inner)


def test_a_gpu_keeps_no_scores(monkeypatch):
    """The training step that is traced for CUDA has no array of tokens by tokens in it; the CPU's
    has."""
    checks = "jax._src.cudnn.fused_attention_stablehlo.check_cudnn_version"
    monkeypatch.setattr(checks, lambda: 91000)
    graphdef, params = nnx.split(
        nnx.eval_shape(
            lambda: timesformer.TimeSformer(
                timesformer.TimeSformerConfig(**SMALL, dtype="bfloat16"), rngs=nnx.Rngs(0)
            )
        )
    )

    def has_scores(how):
        monkeypatch.setattr(fused_attention, "here", lambda tokens: how)
        step = jax.grad(lambda params: nnx.merge(graphdef, params)(CLIPS, MASK).sum())
        shapes = set(shapes_in(jax.make_jaxpr(step)(params).jaxpr))
        return any(
            17 <= min(shape[-2:]) <= max(shape[-2:]) <= 24 for shape in shapes if len(shape) > 2
        )

    assert has_scores(None)
    assert not has_scores(fused_attention.How())
