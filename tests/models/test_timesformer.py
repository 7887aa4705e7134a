"""TimeSformer: published sizes to the digit, and the properties that its parts promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import cost, timesformer

Config = timesformer.TimeSformerConfig
SCHEMES = ("divided", "joint", "space")


def small(**overrides):
    settings = dict(num_classes=5, num_frames=3, image_size=8, patch_size=4, dim=12, depth=2)
    return Config(**settings | dict(num_heads=2, mlp_dim=20, init_std=0.2) | overrides)


def fresh(config, seed=0):
    return timesformer.TimeSformer(config, rngs=nnx.Rngs(seed))


def awake(config, seed=0):
    """A model whose zeros have been replaced, so that time counts."""
    model = fresh(config, seed)
    rngs = nnx.Rngs(seed + 1)
    if config.attention != "space":
        model.time_embed[...] = jax.random.normal(rngs.params(), model.time_embed.shape)
    if config.attention == "divided":
        for block in model.blocks:
            shape = block.temporal_fc.kernel.shape
            block.temporal_fc.kernel[...] = jax.random.normal(rngs.params(), shape) / 3
    return model


def shared_with(source, target):
    """The parameters of `source` that `target` has too."""
    source, target = (dict(nnx.to_flat_state(nnx.state(m, nnx.Param))) for m in (source, target))
    return nnx.from_flat_state({path: source[path] for path in target})


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
    assert fresh(small(attention=attention))(clips(2, 3, 8, 8, 3)).shape == (2, 5)


@pytest.mark.parametrize("attention", SCHEMES)
def test_a_fresh_model_does_not_see_order(attention):
    """Time embeddings and temporal_fc start at zero, so reversing a clip changes nothing."""
    model, video = fresh(small(attention=attention)), clips(2, 3, 8, 8, 3)
    np.testing.assert_allclose(model(video), model(video[:, ::-1]), atol=1e-5)


@pytest.mark.parametrize("attention", ["divided", "joint"])
def test_an_awake_model_sees_order(attention):
    """Once they are not zero, reversing a clip changes the logits."""
    model, video = awake(small(attention=attention)), clips(2, 3, 8, 8, 3)
    assert jnp.abs(model(video) - model(video[:, ::-1])).max() > 1e-2


def test_space_attention_never_sees_order():
    """Space-only attention averages frames: order is lost whatever the weights are."""
    model, video = fresh(small(attention="space"), seed=3), clips(2, 3, 8, 8, 3)
    np.testing.assert_allclose(model(video), model(video[:, [2, 0, 1]]), atol=1e-5)


def test_a_fresh_divided_model_is_the_image_model():
    """With temporal_fc at zero, a clip of equal frames gives what space attention gives."""
    divided, space = fresh(small()), fresh(small(attention="space"))
    nnx.update(space, shared_with(divided, space))
    video = jnp.repeat(clips(2, 1, 8, 8, 3), 3, axis=1)
    np.testing.assert_allclose(divided(video), space(video), atol=1e-5)


@pytest.mark.parametrize("attention", SCHEMES)
def test_padded_frames_have_no_say(attention):
    """What stands in a frame whose mask is False does not change the logits."""
    model, video = awake(small(attention=attention)), clips(2, 3, 8, 8, 3)
    mask = jnp.asarray([[True, True, True], [True, True, False]])
    changed = video.at[1, 2].set(7.0)
    np.testing.assert_allclose(model(video, mask), model(changed, mask), atol=1e-5)
    assert jnp.abs(model(video) - model(changed)).max() > 1e-3


@pytest.mark.parametrize("attention", SCHEMES)
def test_clips_do_not_mix(attention):
    """A clip gives the same logits alone and in a batch."""
    model, video = awake(small(attention=attention)), clips(3, 3, 8, 8, 3)
    np.testing.assert_allclose(model(video)[1:2], model(video[1:2]), atol=1e-5)


@pytest.mark.parametrize("attention", SCHEMES)
def test_every_parameter_learns(attention):
    """A gradient reaches every leaf of an awake model."""
    graphdef, params = nnx.split(awake(small(attention=attention)))
    video = clips(2, 3, 8, 8, 3)

    def loss(params):
        return jnp.sum(nnx.merge(graphdef, params)(video) ** 2)

    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.grad(loss)(params)):
        assert jnp.abs(leaf).max() > 0, f"no gradient for {jax.tree_util.keystr(path)}"


def test_drop_path_needs_rngs_to_act():
    """Stochastic depth acts in training only, where rngs are given."""
    model, video = awake(small(drop_path=0.5)), clips(2, 3, 8, 8, 3)
    np.testing.assert_array_equal(model(video), model(video))
    first, second = (model(video, rngs=nnx.Rngs(dropout=seed)) for seed in (0, 1))
    assert jnp.abs(first - second).max() > 1e-3


def test_bfloat16_stays_close():
    """Arithmetic in bfloat16 moves the logits by less than 2e-2 and leaves them float32."""
    exact, coarse = awake(small(init_std=0.1)), awake(small(init_std=0.1, dtype="bfloat16"))
    video = clips(2, 3, 8, 8, 3)
    assert coarse(video).dtype == jnp.float32
    np.testing.assert_allclose(coarse(video), exact(video), atol=2e-2)


def test_another_length_is_refused():
    """A clip of another number of frames is an error, never silently stretched."""
    with pytest.raises(errors.UserError, match="set num_frames"):
        fresh(small())(clips(2, 4, 8, 8, 3))


def test_multiply_adds_of_base():
    """One view of TimeSformer base costs 195.8 G multiply-adds, the figure papers print."""
    config = Config.base(num_classes=400)
    graphdef, params = nnx.split(cost.abstract_model(lambda: fresh(config)))
    view = jax.ShapeDtypeStruct((1, 8, 224, 224, 3), jnp.float32)
    count = cost.multiply_adds(lambda p, x: nnx.merge(graphdef, p)(x), params, view)
    assert round(count / 1e9, 1) == 195.8
