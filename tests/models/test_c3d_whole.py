"""C3D from its config to its logits, against NumPy and the PyTorch module."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import c3d, cost
from flaxvid.training import state as states
from tests.models import filled, test_c3d_batch_norm_golden

whole = pytest.mark.exercise("models.c3d.C3D")

SMALL = dict(num_classes=5, num_frames=3, image_size=10, widths=(4, 6), depths=(1, 2), fc_dim=12)
call = nnx.jit(lambda model, video: model(video))


def config_of(**changes):
    return c3d.C3DConfig(**SMALL | changes)


def model_of(**changes):
    """A fresh model."""
    return c3d.C3D(config_of(**changes), rngs=nnx.Rngs(0))


def awake(**changes):
    """A model full of random numbers."""
    return filled.random(lambda: model_of(**changes))


def clips(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def shapes_of(module):
    """The shape of every parameter, by its path."""
    flat = nnx.to_flat_state(nnx.state(module, nnx.Param))
    return {"/".join(map(str, path)): leaf.shape for path, leaf in flat}


def dense(inputs, outputs):
    return {"kernel": (inputs, outputs), "bias": (outputs,)}


def named(layers):
    return {f"{name}/{leaf}": shape for name, leaves in layers.items() for leaf, shape in leaves}


CONVOLUTIONS = {"conv1": (3, 4), "conv2a": (4, 6), "conv2b": (6, 6)}
# After pool1, 3 frames of 5 x 5; after the last, which pads height and width, 1 frame of 3 x 3.
LINEAR = {"fc6": (9 * 6, 12), "fc7": (12, 12), "fc8": (12, 5)}


@whole
@pytest.mark.parametrize("batch_norm", [False, True])
def test_c3d_has_the_published_names(batch_norm):
    """conv1, conv2a, conv2b, fc6, fc7, fc8; with batch_norm norms 1, 2a, 2b in place of biases."""
    expected = {f"{name}/kernel": (3, 3, 3, *sizes) for name, sizes in CONVOLUTIONS.items()}
    for name, (_, filters) in CONVOLUTIONS.items():
        norm = name.replace("conv", "norm")
        own = {f"{norm}/scale", f"{norm}/bias"} if batch_norm else {f"{name}/bias"}
        expected |= dict.fromkeys(own, (filters,))
    for name, sizes in LINEAR.items():
        expected |= {f"{name}/kernel": sizes, f"{name}/bias": sizes[1:]}
    assert shapes_of(nnx.eval_shape(lambda: model_of(batch_norm=batch_norm))) == expected


@whole
def test_parameters_of_the_published_c3d():
    """At the published size, 101 classes, they are 78,409,573, and its five stages fit."""
    config = c3d.C3DConfig.base(num_classes=101)
    model = cost.abstract_model(lambda: c3d.C3D(config, rngs=nnx.Rngs(0)))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 78_409_573
    video = jax.ShapeDtypeStruct((2, 16, 112, 112, 3), jnp.float32)
    assert nnx.eval_shape(lambda model, video: model(video), model, video).shape == (2, 101)


@whole
def test_c3d_says_what_it_is_made_of():
    """`config` is the config that it was made from."""
    assert nnx.eval_shape(model_of).config == config_of()


# ------------------------------------------------------------------ stages
def convolved(values, video):
    """ReLU of a convolution of 3 x 3 x 3, frame by frame and place by place."""
    padded = np.pad(video, ((0, 0), (1, 1), (1, 1), (1, 1), (0, 0)))
    sums = np.zeros((*video.shape[:4], values["kernel"].shape[-1]))
    time, height, width = video.shape[1:4]
    for t, h, w in np.ndindex(3, 3, 3):
        sums += padded[:, t : t + time, h : h + height, w : w + width] @ values["kernel"][t, h, w]
    return np.maximum(sums + values["bias"], 0)


def pooled(video, window, before, after):
    """The largest number of each window; `before` and `after` rows of padding that never win."""
    sides = (before, after)
    video = np.pad(video, ((0, 0), (0, 0), sides, sides, (0, 0)), constant_values=-np.inf)
    sizes = [size // step for size, step in zip(video.shape[1:4], window, strict=True)]
    found = np.zeros((len(video), *sizes, video.shape[-1]))
    for t, h, w in np.ndindex(*sizes):
        begin = [place * step for place, step in zip((t, h, w), window, strict=True)]
        box = tuple(slice(b, b + step) for b, step in zip(begin, window, strict=True))
        found[:, t, h, w] = video[:, *box].max(axis=(1, 2, 3))
    return found


def by_numpy(model, video, last=(1, 1)):
    """What the two stages of a small model leave of a clip, and its logits."""
    values = jax.tree.map(np.float64, nnx.to_pure_dict(nnx.state(model, nnx.Param)))
    first = pooled(convolved(values["conv1"], np.float64(video)), (1, 2, 2), 0, 0)
    second = convolved(values["conv2b"], convolved(values["conv2a"], first))
    second = pooled(second, (2, 2, 2), *last)
    features = second.reshape(len(second), -1)
    for name in ("fc6", "fc7"):
        features = np.maximum(features @ values[name]["kernel"] + values[name]["bias"], 0)
    return first, second, features @ values["fc8"]["kernel"] + values["fc8"]["bias"]


@whole
def test_stages_equal_a_loop():
    """Stage 1 halves frames and leaves time alone; stage 2, of two convolutions, halves both."""
    model, video = awake(), clips(2, 3, 10, 10, 3)
    run = nnx.jit(lambda model, video, number: model.stage(number, video), static_argnums=2)
    first, second, _ = by_numpy(model, video)
    found = run(model, video, 1)
    assert found.shape == (2, 3, 5, 5, 4)
    np.testing.assert_allclose(found, first, atol=1e-4)
    found = run(model, found, 2)
    assert found.shape == (2, 1, 3, 3, 6)
    np.testing.assert_allclose(found, second, atol=1e-4)


@whole
@pytest.mark.parametrize(
    ("last_padding", "last", "time"), [("around", (1, 1), 3), ("end", (0, 1), 4)]
)
def test_logits_equal_a_loop(last_padding, last, time):
    """Both stages, then fc6, fc7 and fc8, however the last pool is padded."""
    model = awake(last_padding=last_padding, num_frames=time)
    video = clips(2, time, 10, 10, 3)
    expected = by_numpy(model, video, last)[-1]
    np.testing.assert_allclose(call(model, video), expected, atol=1e-3)


@whole
def test_c3d_with_norms_is_that_of_pytorch():
    """A norm stands between a convolution and ReLU: the same logits, in use and while it learns."""
    used, learnt, _ = test_c3d_batch_norm_golden.run_both()
    golden = test_c3d_batch_norm_golden.GOLDEN
    np.testing.assert_allclose(used, golden["used"], atol=1e-5)
    np.testing.assert_allclose(learnt, golden["learning"], atol=1e-5)


@whole
def test_a_mask_changes_nothing():
    """Padding repeats the last frame, and is seen."""
    model, video = awake(), clips(2, 3, 10, 10, 3)
    masked = nnx.jit(lambda model, video, mask: model(video, mask))
    mask = jnp.asarray([[True, True, False]] * 2)
    np.testing.assert_allclose(masked(model, video, mask), call(model, video), atol=1e-6)


# ------------------------------------------------------------------ start, type, dropout
def check_deviation(name, layer, due):
    """Its kernel has thousands of numbers, so that another standard deviation is no accident."""
    found = float(layer.kernel[...].std())
    if abs(found / due - 1) > 0.08:
        pytest.fail(f"the kernel of {name} has a standard deviation of {found:.4g}, {due:.4g} due")


WIDE = dict(widths=(32, 32), fc_dim=64, num_classes=64)


@whole
def test_convolutions_start_as_they_do_by_themselves():
    """After He et al.: kernels of variance 2 over 27 times their channels, and biases of 0."""
    model = model_of(**WIDE)
    for name, channels in (("conv1", 3), ("conv2a", 32), ("conv2b", 32)):
        layer = getattr(model, name)
        check_deviation(name, layer, (2 / (27 * channels)) ** 0.5)
        np.testing.assert_array_equal(layer.bias[...], np.zeros(32))


@whole
def test_linear_layers_start_as_they_are_told():
    """fc6, fc7 and fc8 start evenly between -1 and 1, over the root of their inputs."""
    model = model_of(**WIDE)
    for name in ("fc6", "fc7", "fc8"):
        layer = getattr(model, name)
        limit = layer.kernel.shape[0] ** -0.5
        largest = float(jnp.abs(layer.kernel[...]).max())
        if not 0.95 < largest / limit < 1.001:
            pytest.fail(
                f"the largest number in the kernel of {name} is {largest:.4f}, {limit:.4f} due"
            )
        check_deviation(name, layer, limit * 3**-0.5)


@whole
def test_c3d_starts_as_its_authors_did():
    """With `start="authors"` every kernel is of the normal distribution of their training."""
    model = model_of(**WIDE, start="authors")
    for name in ("conv1", "conv2a", "conv2b", "fc6", "fc7", "fc8"):
        check_deviation(name, getattr(model, name), 0.005 if name in ("fc6", "fc7") else 0.01)


@whole
def test_biases_start_as_its_authors_did():
    """With `start="authors"` biases are 0 in the first layer and the last, and 1 between them."""
    model = model_of(**WIDE, start="authors")
    found = {
        name: np.unique(getattr(model, name).bias[...]).tolist()
        for name in (*CONVOLUTIONS, *LINEAR)
    }
    due = {name: [1.0] for name in found}
    assert found == due | {"conv1": [0.0], "fc8": [0.0]}


@whole
def test_c3d_computes_in_its_dtype():
    """`dtype` goes to convolutions, norms, fc6 and fc7; fc8 and so the logits are float32."""
    model = nnx.eval_shape(lambda: model_of(dtype="bfloat16", batch_norm=True))
    parts = [*CONVOLUTIONS, *(name.replace("conv", "norm") for name in CONVOLUTIONS), "fc6", "fc7"]
    # A layer takes the name of a type as well, and keeps what it was given; of None, NumPy makes
    # float64.
    others = [name for name in parts if jnp.dtype(getattr(model, name).dtype) != jnp.bfloat16]
    if others:
        pytest.fail(f"with dtype bfloat16 it is not that of {', '.join(others)}")
    if model.fc8.dtype is not None and jnp.dtype(model.fc8.dtype) != jnp.float32:
        pytest.fail(f"fc8 computes in {model.fc8.dtype}, and not in float32")
    video = jax.ShapeDtypeStruct((2, 3, 10, 10, 3), jnp.float32)
    assert nnx.eval_shape(lambda model, video: model(video), model, video).dtype == jnp.float32


@whole
def test_c3d_drops_in_training():
    """`config.dropout`, here a quarter, of what fc6 and fc7 give is dropped where rngs are given,
    each by its own draw; what is kept is divided by 3/4."""
    model = awake(dropout=0.25, fc_dim=64)
    for layer in (model.fc6, model.fc7):  # which give nothing but their bias
        layer.kernel[...] = jnp.zeros(layer.kernel.shape)
        layer.bias[...] = 1 + jnp.abs(layer.bias[...])
    graphdef, values = nnx.split(model)

    @jax.jit
    def seen_by_fc7_and_fc8(values, video, key):
        model, seen = nnx.merge(graphdef, values), []
        for name in ("fc7", "fc8"):
            own = getattr(model, name)
            setattr(model, name, lambda rows, own=own: seen.append(rows) or own(rows))
        for rngs in (None, nnx.Rngs(dropout=key)):
            model(video, rngs=rngs)
        return seen

    fc7, fc8, *learning = seen_by_fc7_and_fc8(values, clips(2, 3, 10, 10, 3), jax.random.key(0))
    draws = []
    for name, used, learnt in (("fc6", fc7, learning[0]), ("fc7", fc8, learning[1])):
        layer = getattr(model, name)
        np.testing.assert_allclose(used, jnp.stack([layer.bias[...]] * 2), atol=1e-6)
        kept = np.asarray(learnt) != 0
        if not 0.2 < kept.mean() < 0.95:
            pytest.fail(f"{kept.mean():.0%} of what {name} gives is kept, about 75% expected")
        np.testing.assert_allclose(learnt, np.where(kept, np.asarray(used) / 0.75, 0), atol=1e-5)
        draws.append(kept)
    alike = np.mean(draws[0] == draws[1])
    if not 0.4 < alike < 0.85:
        pytest.fail(f"fc6 and fc7 drop or keep alike at {alike:.0%} of the places, 62% expected")


@whole
def test_c3d_can_learn_all():
    """A gradient reaches every weight, the norms' among them."""
    parts = states.split(awake(batch_norm=True))

    @jax.jit
    @jax.grad
    def gradient(params):
        model = states.merge(parts.train_def, params, parts.stats)
        return jnp.sum(model(clips(2, 3, 10, 10, 3)) ** 2)

    for path, leaf in jax.tree.leaves_with_path(gradient(parts.params)):
        assert jnp.abs(leaf).max() > 0, jax.tree_util.keystr(path)


# ------------------------------------------------------------------ what it refuses
@whole
def test_c3d_refuses_clips_that_pools_use_up():
    """One frame is none after a pool of two."""
    with pytest.raises(errors.UserError):
        nnx.eval_shape(lambda: model_of(num_frames=1))


@whole
@pytest.mark.parametrize("shape", list(itertools.product([3, 4], [10, 9]))[1:])
def test_c3d_refuses_other_clips(shape):
    """fc6 is made for one length and one size: others are an error."""
    time, side = shape
    model = nnx.eval_shape(model_of)
    with pytest.raises(errors.UserError):
        nnx.eval_shape(lambda model: model(jnp.zeros((2, time, side, side, 3))), model)
