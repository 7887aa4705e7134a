"""TimeSformer: published sizes to the digit, and the properties that its parts promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import cost, timesformer, timesformer_schemes

Config = timesformer.TimeSformerConfig
SCHEMES = ("divided", "joint", "space", "local_global", "axial")


def small(**overrides):
    settings = dict(num_classes=5, num_frames=6, image_size=8, patch_size=4, dim=12, depth=2)
    return Config(**settings | dict(num_heads=2, mlp_dim=20, init_std=0.2) | overrides)


def fresh(config, seed=0):
    return timesformer_schemes.create(config, rngs=nnx.Rngs(seed))


def awake(config, seed=0):
    """A model whose zeros have been replaced, so that time counts."""
    model = fresh(config, seed)
    rngs = nnx.Rngs(seed + 1)
    if config.attention != "space":
        model.time_embed[...] = jax.random.normal(rngs.params(), model.time_embed.shape)
    for block in model.blocks:
        for name in ("temporal_fc", "local_fc", "width_fc"):
            if hasattr(block, name):
                kernel = getattr(block, name).kernel
                kernel[...] = jax.random.normal(rngs.params(), kernel.shape) / 3
    return model


def shared_with(source, target):
    """The parameters of `source` that `target` has too."""
    source, target = (dict(nnx.to_flat_state(nnx.state(m, nnx.Param))) for m in (source, target))
    return nnx.from_flat_state({path: source[path] for path in target})


call = nnx.jit(lambda model, video, mask=None: model(video, mask))


def clips(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


# From the checkpoints of the official model zoo: K400, K600, SSv2; UCF101's classes; HR and L.
@pytest.mark.parametrize(
    ("size", "num_classes", "attention", "parameters"),
    [
        ("base", 400, "divided", 121_566_352),
        ("base", 600, "divided", 121_720_152),
        ("base", 174, "divided", 121_392_558),
        ("base", 101, "divided", 121_336_421),
        ("hr", 400, "divided", 122_024_080),
        ("large", 400, "divided", 121_633_936),
        ("base", 400, "joint", 86_112_400),
        ("base", 400, "space", 86_106_256),
        # The paper's table 1 gives 121.4 M and 156.8 M, as SSv2's 174 classes make them.
        ("base", 174, "local_global", 121_392_558),
        ("base", 174, "axial", 156_846_510),
    ],
)
def test_parameters_to_the_digit(size, num_classes, attention, parameters):
    """The published sizes have as many parameters as the official models."""
    config = getattr(Config, size)(num_classes=num_classes, attention=attention)
    model = cost.abstract_model(lambda: fresh(config))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == parameters


@pytest.mark.parametrize("attention", SCHEMES)
def test_logits_shape(attention):
    """Two clips give two rows of logits, with every scheme."""
    assert call(fresh(small(attention=attention)), clips(2, 6, 8, 8, 3)).shape == (2, 5)


@pytest.mark.parametrize("attention", SCHEMES)
def test_a_fresh_model_does_not_see_order(attention):
    """Time embeddings and temporal_fc start at zero, so reversing a clip changes nothing."""
    model, video = fresh(small(attention=attention)), clips(2, 6, 8, 8, 3)
    np.testing.assert_allclose(call(model, video), call(model, video[:, ::-1]), atol=1e-5)


@pytest.mark.parametrize("attention", ["divided", "joint", "local_global", "axial"])
def test_an_awake_model_sees_order(attention):
    """Once they are not zero, reversing a clip changes the logits."""
    model, video = awake(small(attention=attention)), clips(2, 6, 8, 8, 3)
    assert jnp.abs(call(model, video) - call(model, video[:, ::-1])).max() > 1e-2


def test_space_attention_never_sees_order():
    """Space-only attention averages frames: order is lost whatever the weights are."""
    model, video = fresh(small(attention="space"), seed=3), clips(2, 6, 8, 8, 3)
    np.testing.assert_allclose(
        call(model, video), call(model, video[:, jnp.array([2, 0, 1, 5, 4, 3])]), atol=1e-5
    )


def test_a_fresh_local_global_model_tells_even_frames_from_odd():
    """Its sets hold every second frame: swapping 0 and 2 changes nothing, 0 and 1 does."""
    model, video = fresh(small(attention="local_global")), clips(2, 6, 8, 8, 3)
    same, other = jnp.array([2, 1, 0, 3, 4, 5]), jnp.array([1, 0, 2, 3, 4, 5])
    np.testing.assert_allclose(call(model, video), call(model, video[:, same]), atol=1e-5)
    assert jnp.abs(call(model, video) - call(model, video[:, other])).max() > 1e-3


def test_a_fresh_divided_model_is_the_image_model():
    """With temporal_fc at zero, a clip of equal frames gives what space attention gives."""
    divided, space = fresh(small()), fresh(small(attention="space"))
    nnx.update(space, shared_with(divided, space))
    video = jnp.repeat(clips(2, 1, 8, 8, 3), 6, axis=1)
    np.testing.assert_allclose(call(divided, video), call(space, video), atol=1e-5)


@pytest.mark.parametrize("attention", SCHEMES)
def test_padded_frames_are_ignored(attention):
    """What stands in a frame whose mask is False does not change the logits."""
    model, video = awake(small(attention=attention)), clips(2, 6, 8, 8, 3)
    mask = jnp.asarray([[True] * 6, [True] * 5 + [False]])
    changed = video.at[1, 5].set(7.0)
    np.testing.assert_allclose(call(model, video, mask), call(model, changed, mask), atol=1e-5)
    assert jnp.abs(call(model, video) - call(model, changed)).max() > 1e-3


@pytest.mark.parametrize("attention", SCHEMES)
def test_clips_do_not_mix(attention):
    """A clip gives the same logits alone and in a batch."""
    model, video = awake(small(attention=attention)), clips(3, 6, 8, 8, 3)
    np.testing.assert_allclose(call(model, video)[1:2], call(model, video[1:2]), atol=1e-5)


@pytest.mark.parametrize("attention", SCHEMES)
def test_every_parameter_learns(attention):
    """A gradient reaches every leaf of an awake model."""
    graphdef, params = nnx.split(awake(small(attention=attention)))
    video = clips(2, 6, 8, 8, 3)

    def loss(params):
        return jnp.sum(nnx.merge(graphdef, params)(video) ** 2)

    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert jnp.abs(leaf).max() > 0, f"no gradient for {jax.tree_util.keystr(path)}"


def test_drop_path_needs_rngs_to_act():
    """Stochastic depth acts in training only, where rngs are given."""
    model, video = awake(small(drop_path=0.5)), clips(2, 6, 8, 8, 3)
    np.testing.assert_array_equal(call(model, video), call(model, video))
    learning = nnx.jit(lambda model, key: model(video, rngs=nnx.Rngs(dropout=key)))
    first, second = (learning(model, jax.random.key(seed)) for seed in (0, 1))
    assert jnp.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("attention", SCHEMES)
def test_bfloat16_stays_close(attention):
    """Arithmetic in bfloat16 moves the logits by less than 2e-2 and leaves them float32."""
    settings = dict(attention=attention, init_std=0.1)
    exact, coarse = awake(small(**settings)), awake(small(**settings, dtype="bfloat16"))
    video = clips(2, 6, 8, 8, 3)
    assert call(coarse, video).dtype == jnp.float32
    assert 0 < jnp.abs(call(coarse, video) - call(exact, video)).max() < 2e-2


@pytest.mark.parametrize("change", [dict(num_frames=3), dict(image_size=12)])
def test_odd_grids_are_refused_by_local_global(change):
    """3 frames, or 3 patches a side, can't be halved: the message says what to change."""
    with pytest.raises(errors.UserError, match="has an odd one: change num_frames or patch_size"):
        fresh(small(attention="local_global", **change))


def test_another_length_is_refused():
    """A clip of another number of frames is an error, never silently stretched."""
    with pytest.raises(errors.UserError, match="set num_frames"):
        fresh(small())(clips(2, 4, 8, 8, 3))


def multiply_adds(config):
    graphdef, params = nnx.split(cost.abstract_model(lambda: fresh(config)))
    side = config.image_size
    view = jax.ShapeDtypeStruct((1, config.num_frames, side, side, 3), jnp.float32)
    return cost.multiply_adds(lambda p, x: nnx.merge(graphdef, p)(x), params, view)


# Of one view of base; the paper prints those of its three schemes with code as FLOPs.
@pytest.mark.parametrize(
    ("attention", "giga"), [("divided", 195.8), ("joint", 179.6), ("space", 140.5)]
)
def test_multiply_adds_of_base(attention, giga):
    """One view of TimeSformer base costs what papers print."""
    config = Config.base(num_classes=400, attention=attention)
    assert round(multiply_adds(config) / 1e9, 1) == giga


# How many rows of how many tokens each step attends in, and over how many tokens; T x H x W = 8
# x 14 x 14, and a CLS token in the rows of a last step.
STEPS = {
    "local_global": [(4, 8 * 7 * 7), (8, 1 + 4 * 7 * 7)],
    "axial": [(14 * 14, 8), (8 * 14, 14), (8 * 14, 1 + 14)],
}


@pytest.mark.parametrize("attention", STEPS)
def test_multiply_adds_of_the_sparser_schemes(attention):
    """Each step: query, key, value and output for every token, and all pairs within a row."""
    dim, patches = 768, 8 * 14 * 14
    block = 2 * (1 + patches) * dim * 3072
    for number, (rows, tokens) in enumerate(STEPS[attention], start=1):
        block += rows * tokens * 4 * dim**2 + 2 * rows * tokens**2 * dim
        if number < len(STEPS[attention]):
            block += patches * dim**2
    total = 12 * block + patches * 768 * dim + dim * 400
    assert multiply_adds(Config.base(num_classes=400, attention=attention)) == total
