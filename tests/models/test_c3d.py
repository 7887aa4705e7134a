"""C3D: published sizes to the digit, the shape walk, and the properties that its parts promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import c3d, convolution, cost
from flaxvid.training import state as states
from tests.models import filled

Config = c3d.C3DConfig

# (time, height, width, channel) after every layer, from Table 1 of PyTorch's and Caffe's C3D.
BASE = {
    "clip": (16, 112, 112, 3),
    "conv1": (16, 112, 112, 64),
    "pool1": (16, 56, 56, 64),
    "conv2": (16, 56, 56, 128),
    "pool2": (8, 28, 28, 128),
    "conv3a": (8, 28, 28, 256),
    "conv3b": (8, 28, 28, 256),
    "pool3": (4, 14, 14, 256),
    "conv4a": (4, 14, 14, 512),
    "conv4b": (4, 14, 14, 512),
    "pool4": (2, 7, 7, 512),
    "conv5a": (2, 7, 7, 512),
    "conv5b": (2, 7, 7, 512),
    "pool5": (1, 4, 4, 512),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (101,),
}


def small(**overrides):
    settings = dict(num_classes=5, num_frames=3, image_size=10, widths=(4, 6), depths=(1, 2))
    return Config(**settings | dict(fc_dim=12) | overrides)


def fresh(config, seed=0):
    return c3d.C3D(config, rngs=nnx.Rngs(seed))


def random(config, seed=0):
    return filled.random(lambda: fresh(config), seed=seed)


def logits_of(model, video, key=None):
    """What the model says, compiled as one: piece by piece takes seconds."""
    graphdef, values = nnx.split(model)

    @jax.jit
    def call(values, video, key):
        rngs = None if key is None else nnx.Rngs(dropout=key)
        return nnx.merge(graphdef, values)(video, rngs=rngs)

    return call(values, video, key)


def clips(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize(("num_classes", "parameters"), [(101, 78_409_573), (487, 79_991_015)])
@pytest.mark.parametrize("last_padding", ["around", "end"])
def test_parameters_to_the_digit(num_classes, parameters, last_padding):
    """For UCF101 and Sports-1M as many parameters as the PyTorch module, however pool5 pads."""
    config = Config.base(num_classes=num_classes, last_padding=last_padding)
    model = cost.abstract_model(lambda: fresh(config))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == parameters
    assert sum(layer.parameters for layer in c3d.shape_walk(config)) == parameters


def test_multiply_adds_of_base():
    """A clip of 16 frames of 112 pixels costs 38.55 G multiply-adds."""
    graphdef, params = nnx.split(cost.abstract_model(lambda: fresh(Config.base(num_classes=101))))
    clip = jax.ShapeDtypeStruct((1, 16, 112, 112, 3), jnp.float32)
    count = cost.multiply_adds(lambda p, x: nnx.merge(graphdef, p)(x), params, clip)
    assert round(count / 1e9, 2) == 38.55


def test_shape_walk_of_base():
    """Time is whole until pool2, and 1 at the end; pool5 keeps 4 x 4 of 7 x 7 places."""
    walk = c3d.shape_walk(Config.base(num_classes=101))
    assert {layer.name: layer.shape for layer in walk} == BASE


@pytest.mark.parametrize(
    "config",
    [small(), small(batch_norm=True), small(last_padding="end"), Config.tiny(num_classes=10)],
)
def test_shape_walk_is_the_models(config):
    """Layer by layer the parameters are those of the module, the norm's with its convolution's."""
    params = nnx.to_pure_dict(nnx.state(cost.abstract_model(lambda: fresh(config)), nnx.Param))
    counted = {layer.name: layer.parameters for layer in c3d.shape_walk(config) if layer.parameters}
    held = dict.fromkeys(counted, 0)
    for name, layer in params.items():
        held[name.replace("norm", "conv")] += cost.count_parameters(layer)
    assert counted == held


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (dict(num_frames=1), r"1 frames of 10 pixels are nothing after pool2: \(0, 3, 3, 6\)"),
        (dict(image_size=1), "are nothing after pool1.*fewer stages"),
        (dict(depths=(1, 2, 1)), "have to be of one length"),
    ],
)
def test_clips_that_pools_use_up_are_refused(overrides, message):
    """A model that would have nothing left to look at is an error, with what to do."""
    with pytest.raises(errors.UserError, match=message):
        fresh(small(**overrides))


def test_paddings_differ():
    """Padded around or at the end, the last pool sees other windows: the logits tell."""
    around, end = (random(small(last_padding=name)) for name in ("around", "end"))
    video = clips(2, 3, 10, 10, 3)
    assert jnp.abs(logits_of(around, video) - logits_of(end, video)).max() > 1e-3


def test_a_fresh_model_sees_order():
    """Unlike a fresh TimeSformer: a clip played backwards has other logits."""
    model, video = random(small()), clips(2, 3, 10, 10, 3)
    backwards = logits_of(model, video[:, ::-1])
    assert jnp.abs(logits_of(model, video) - backwards).max() > 1e-3


def test_clips_do_not_mix():
    """A clip gives the same logits alone and in a batch."""
    model, video = random(small()), clips(3, 3, 10, 10, 3)
    alone = logits_of(model, video[1:2])
    np.testing.assert_allclose(logits_of(model, video)[1:2], alone, atol=1e-4)


def test_batch_norm_learns_and_is_used():
    """Learning takes the batch's statistics and moves the running ones; use takes those alone."""
    parts = states.split(random(small(batch_norm=True)))
    video = clips(3, 3, 10, 10, 3)

    @jax.jit
    def learn(stats):
        model = states.merge(parts.train_def, parts.params, stats)
        return model(video), nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))

    def use(stats, video):
        return logits_of(states.merge(parts.eval_def, parts.params, stats), video)

    (_, stats), (again, _) = learn(parts.stats), learn(jax.tree.map(jnp.ones_like, parts.stats))
    assert jnp.abs(stats["norm1"]["mean"] - parts.stats["norm1"]["mean"]).max() > 0.01
    np.testing.assert_array_equal(learn(parts.stats)[0], again)
    before = use(parts.stats, video)
    assert jnp.abs(use(stats, video) - before).max() > 1e-3
    np.testing.assert_allclose(before[1:2], use(parts.stats, video[1:2]), atol=1e-4)


def test_bfloat16_stays_close():
    """Arithmetic in bfloat16 moves the logits by a few hundredths, and leaves them float32."""
    exact, coarse = random(small()), random(small(dtype="bfloat16"))
    video = clips(2, 3, 10, 10, 3)
    expected, logits = logits_of(exact, video), logits_of(coarse, video)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, expected, atol=0.03 * float(jnp.abs(expected).max()))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_pooling_before_the_bias_is_pooling_after_it(batch_norm):
    """Bias and ReLU keep the order of numbers; a norm whose scale is below zero does not."""
    model = random(small(batch_norm=batch_norm))
    video, window = clips(2, 3, 6, 6, 3), ((1, 2, 2), ((0, 0), (0, 0), (0, 0)))
    if batch_norm:
        model.norm1.scale[...] = -model.norm1.scale[...]
        model.eval()
    graphdef, values = nnx.split(model)

    def both(values):
        model = nnx.merge(graphdef, values)
        filtered = model.conv1(video)
        filtered = model.norm1(filtered) if batch_norm else filtered
        apart = convolution.max_pool(jax.nn.relu(filtered), *window)
        return model.stage(1, video), apart

    found, expected = jax.jit(both)(values)
    np.testing.assert_allclose(found, expected, atol=1e-6)
