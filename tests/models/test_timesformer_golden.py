"""TimeSformer against the authors' implementation and Transformers', run in PyTorch."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import attention, timesformer, timesformer_schemes
from flaxvid.weights import timesformer as weights
from tests.golden import regenerate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "timesformer.npz")
ABOUT = json.loads(str(GOLDEN["about"]))
GRADIENTS = [case for case in ABOUT if case.endswith("gradient")]
# Transformers gives one row of logits for every frame here; see the test of its own.
BY_FRAME = [case for case in ABOUT if case.startswith("transformers space")]


def config_of(case, **overrides):
    return timesformer.TimeSformerConfig(**ABOUT[case]["config"] | overrides)


def arrays_of(case):
    shapes = ABOUT[case]["shapes"]
    return {name: regenerate.weight(name, tuple(shape)) for name, shape in shapes.items()}


def video_of(case):
    config = config_of(case)
    side = config.image_size
    return jnp.asarray(regenerate.inputs(case, (2, config.num_frames, side, side, 3)) / 8)


def converted(case, arrays=None, **overrides):
    """The model of a case, its weights taken from PyTorch's names."""
    config = config_of(case, **overrides)
    model = nnx.eval_shape(lambda: timesformer_schemes.create(config, rngs=nnx.Rngs(0)))
    graphdef, params = nnx.split(model)
    params, _ = weights.load(arrays or arrays_of(case), nnx.to_pure_dict(params))
    return graphdef, params


def apply(graphdef, params, video):
    return nnx.merge(graphdef, params)(video)


call = jax.jit(apply, static_argnums=0)


def gap(logits, case):
    """The largest difference from PyTorch's logits."""
    return float(np.abs(np.asarray(logits) - GOLDEN[f"{case}/logits"]).max())


@pytest.mark.parametrize("case", [case for case in ABOUT if case not in BY_FRAME])
def test_logits_are_those_of_pytorch(case):
    """With the same weights and clips, logits agree within 1e-5."""
    assert gap(call(*converted(case), video_of(case)), case) <= 1e-5


@pytest.mark.parametrize("case", BY_FRAME)
def test_space_only_logits_are_those_of_transformers_frame_by_frame(case):
    """Transformers gives a row of logits for every frame: that of a clip of this frame alone."""
    video = video_of(case)
    frames = video.reshape(-1, 1, *video.shape[2:])
    assert gap(call(*converted(case, num_frames=1), frames), case) <= 1e-5


@pytest.mark.parametrize("case", GRADIENTS)
def test_gradients_are_those_of_pytorch(case):
    """The gradient of every parameter, converted as the parameter is, agrees within 1e-4."""
    graphdef, params = converted(case)
    video, probe = video_of(case), regenerate.inputs("probe", (2, 5))
    ours = jax.jit(jax.grad(lambda p: jnp.sum(apply(graphdef, p, video) * probe)))(params)
    names = ABOUT[case]["shapes"]
    _, theirs = converted(case, {name: GOLDEN[f"{case}/gradient/{name}"] for name in names})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-4), ours, theirs)


# ------------------------------------------------------------------ mistakes that must be seen
WRONG = "official gradient"


def wrong_gap(mistake):
    """The gap in logits after `mistake(block)` on every block."""
    model = nnx.merge(*converted(WRONG))
    for block in model.blocks:
        mistake(block)
    graphdef, params = nnx.split(model)
    return gap(call(graphdef, nnx.to_pure_dict(params), video_of(WRONG)), WRONG)


@pytest.mark.parametrize(
    "layer",
    [
        lambda block: block.attn.qkv,
        lambda block: block.temporal_attn.qkv,
        lambda block: block.temporal_attn.proj,
        lambda block: block.temporal_fc,
        lambda block: block.mlp.fc1,
    ],
)
def test_kernels_that_were_not_transposed_are_seen(layer):
    """Kernels taken as they lie in PyTorch's memory, though the shape fits, move the logits."""

    def mistake(block):
        kernel = layer(block).kernel
        kernel[...] = kernel[...].T.reshape(kernel.shape)

    assert wrong_gap(mistake) > 1e-3


@pytest.mark.parametrize("norm", ["temporal_norm1", "norm1"])
def test_a_wrong_epsilon_is_seen(norm):
    """PyTorch's own default, a LayerNorm epsilon of 1e-5, moves logits beyond the tolerance."""
    assert wrong_gap(lambda block: setattr(getattr(block, norm), "epsilon", 1e-5)) > 3e-5


def tanh_gelu(monkeypatch):
    exact = jax.nn.gelu
    monkeypatch.setattr(jax.nn, "gelu", lambda x, approximate: exact(x, approximate=True))


def no_cls_mean(monkeypatch):
    mean = attention.over_space

    def over_space(attend, cls, patches, num_frames, mask=None):
        space = patches.shape[1] // num_frames
        return mean(attend, cls, patches[:, :space], 1)[0], mean(attend, cls, patches, num_frames)[
            1
        ]

    monkeypatch.setattr(attention, "over_space", over_space)


@pytest.mark.parametrize("mistake", [tanh_gelu, no_cls_mean])
def test_wrong_formulas_are_seen(mistake, monkeypatch):
    """The tanh form of GELU, or the CLS token of the first frame only, moves the logits."""
    mistake(monkeypatch)
    logits = jax.jit(lambda *arguments: apply(*arguments), static_argnums=0)(
        *converted(WRONG), video_of(WRONG)
    )
    assert gap(logits, WRONG) > 5e-5
