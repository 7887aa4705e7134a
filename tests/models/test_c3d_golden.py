"""C3D against the original PyTorch module: all of it, and layer by layer."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import c3d, convolution
from flaxvid.weights import c3d as weights
from tests.golden import regenerate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "c3d.npz")
SHAPES = json.loads(str(GOLDEN["about"]))
CONFIG = c3d.C3DConfig.base(num_classes=101)


def arrays(*layers):
    names = [name for name in SHAPES if not layers or name.partition(".")[0] in layers]
    return {name: regenerate.weight(name, tuple(SHAPES[name])) for name in names}


def inputs(name, *shape):
    """Of a layer: PyTorch's axes, batch channel time height width, turned into ours."""
    return jnp.asarray(regenerate.inputs(name, shape).transpose(0, 2, 3, 4, 1))


def expected(name):
    return GOLDEN[name].transpose(0, 2, 3, 4, 1)


def layer(name, conv, video):
    own = arrays(name)
    filtered = conv(video, jnp.asarray(weights.conv_kernel(own[f"{name}.weight"])))
    return filtered + jnp.expand_dims(own[f"{name}.bias"], (0, 1, 2, 3))


@pytest.fixture(scope="module")
def drawn():
    """All weights of the module: 78 million random numbers take a second or two."""
    return arrays()


@pytest.fixture(scope="module")
def original(drawn):
    """The whole model with PyTorch's weights, the clips, and the logits that it has for them."""
    model = nnx.eval_shape(lambda: c3d.C3D(CONFIG, rngs=nnx.Rngs(0)))
    graphdef, params = nnx.split(model)
    params, _ = weights.load(drawn, nnx.to_pure_dict(params))
    video = jnp.asarray(regenerate.inputs("video", (2, 16, 112, 112, 3)) * 64)
    call = jax.jit(lambda params: nnx.merge(graphdef, params)(video))
    return call, params, GOLDEN["logits"]


def test_logits_are_those_of_pytorch(original):
    """With the same weights and clips, logits of up to 21 agree within 1e-4."""
    call, params, logits = original
    np.testing.assert_allclose(call(params), logits, rtol=0, atol=1e-4)


def test_fc6_that_was_not_permuted_is_seen(original, drawn):
    """Only transposed, fc6 has the right shape, and logits that are off by more than 1."""
    call, params, logits = original
    as_it_lies = jnp.asarray(drawn["fc6.weight"].T)
    wrong = params | {"fc6": params["fc6"] | {"kernel": as_it_lies}}
    assert np.abs(call(wrong) - logits).max() > 1


@pytest.mark.parametrize("conv", [convolution.conv3d, convolution.conv_native])
@pytest.mark.parametrize(
    ("name", "shape"), [("conv1", (2, 3, 4, 7, 6)), ("conv3b", (1, 256, 3, 5, 4))]
)
def test_convolutions_are_those_of_pytorch(conv, name, shape):
    """One convolution with its bias agrees within 1e-5."""
    filtered = layer(name, conv, inputs(name, *shape))
    np.testing.assert_allclose(filtered, expected(name), rtol=0, atol=1e-5)


def test_gradients_are_those_of_pytorch():
    """What conv1 passes back to its kernel and to its clip agrees within 1e-5.

    Gradients of the clip are as large as 11, and a GPU adds them up in another order: 1.7e-5 on an
    H200.
    """
    video = inputs("conv1", 2, 3, 4, 7, 6)
    kernel = jnp.asarray(weights.conv_kernel(arrays("conv1")["conv1.weight"]))
    probe = inputs("probe", *GOLDEN["conv1"].shape)
    of_video, of_kernel = jax.grad(
        lambda video, kernel: jnp.sum(convolution.conv3d(video, kernel) * probe), (0, 1)
    )(video, kernel)
    within = 1e-5 if jax.default_backend() == "cpu" else 1e-4
    np.testing.assert_allclose(of_video, expected("conv1/gradient of inputs"), rtol=0, atol=within)
    theirs = weights.conv_kernel(GOLDEN["conv1/gradient"])
    np.testing.assert_allclose(of_kernel, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "stage", "shape", "last_padding"),
    [
        ("pool1", 1, (2, 3, 5, 6, 8), "around"),
        ("pool4", 4, (2, 3, 4, 6, 9), "around"),
        ("pool5", 5, (2, 3, 2, 7, 7), "around"),
        ("pool5 of Caffe", 5, (2, 3, 2, 7, 7), "end"),
    ],
)
def test_pools_are_those_of_pytorch(name, stage, shape, last_padding):
    """The same maxima to the bit, padded as PyTorch's module does, or rounding up as Caffe."""
    config = c3d.C3DConfig.base(num_classes=101, last_padding=last_padding)
    pooled = convolution.max_pool(inputs(name, *shape), *config.pool(stage, shape[-1]))
    np.testing.assert_array_equal(pooled, expected(name))


def test_fc6_is_that_of_pytorch(drawn):
    """The first layer after the pools, fed places before channels, agrees within 1e-5."""
    features = inputs("fc6", 2, 512, 1, 4, 4).reshape(2, -1)
    kernel = weights.fc6_kernel(drawn["fc6.weight"], channels=512)
    outputs = (features @ kernel)[:, :50] + drawn["fc6.bias"][None, :50]
    np.testing.assert_allclose(outputs, GOLDEN["fc6"], rtol=0, atol=1e-5)
