"""Encoder and sequence model in one: padding, the small encoder, and sizes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import bilstm, conv_encoder, cost, end_to_end, frame_encoders
from flaxvid.recipes import zoo
from flaxvid.training import state as states
from tests.models import filled

TIME, SIDE = 4, 6
LENGTHS = (4, 1, 3)


class NormedEncoder(nnx.Module):
    """The least that has what matters: two layers, each with a BatchNorm."""

    def __init__(self, rngs):
        self.conv1 = nnx.Conv(3, 4, (3, 3), strides=3, rngs=rngs)
        self.norm1 = nnx.BatchNorm(4, momentum=0.5, rngs=rngs)
        self.conv2 = nnx.Conv(4, 5, (2, 2), padding="VALID", rngs=rngs)
        self.norm2 = nnx.BatchNorm(5, momentum=0.5, rngs=rngs)

    def __call__(self, images):
        maps = jax.nn.relu(self.norm1(self.conv1(images)))
        return self.norm2(self.conv2(maps))[:, 0, 0]


@functools.cache
def parts_of():
    """A model with two BatchNorms, split as training splits it."""
    config = bilstm.BiLSTMConfig(
        num_classes=2, embedding_dim=5, hidden_dim=3, fc_dim=4, dropout=0.0
    )

    def build():
        rngs = nnx.Rngs(0)
        sequence = bilstm.BiLSTM(config, rngs=rngs)
        return end_to_end.EndToEnd(NormedEncoder(rngs), sequence)

    model = filled.random(build)
    return states.split(model)


def batch_of(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "video": jnp.asarray(rng.normal(size=(3, TIME, SIDE, SIDE, 3)).astype(np.float32)),
        "mask": jnp.arange(TIME)[None] < jnp.asarray(LENGTHS)[:, None],
        "label": jnp.asarray([0, 1, 1], jnp.int32),
        "weight": jnp.ones(3, jnp.float32),
    }


def same(one, other):
    return jax.tree.map(np.array_equal, one, other)


# ------------------------------------------------------------------ padding
def test_real_frames_by_hand():
    """Frames 0 1 2 and a padded one become 0 1 2 0; a single frame fills the clip."""
    video = jnp.arange(8.0).reshape(2, 4, 1, 1, 1)
    mask = jnp.asarray([[True, True, True, False], [True, False, False, False]])
    repeated = end_to_end.repeat_real_frames(video, mask)[..., 0, 0, 0]
    assert repeated.tolist() == [[0, 1, 2, 0], [4, 4, 4, 4]]


def test_a_frame_in_the_middle_is_found():
    """Frame 2 alone fills the clip; frames 1 and 3 stay where they are."""
    video = jnp.arange(8.0).reshape(2, 4, 1, 1, 1)
    mask = jnp.asarray([[False, False, True, False], [False, True, False, True]])
    repeated = end_to_end.repeat_real_frames(video, mask)[..., 0, 0, 0]
    assert repeated.tolist() == [[2, 2, 2, 2], [5, 5, 5, 7]]


def test_padding_never_matters():
    """Not to the logits in training, where BatchNorm sees the whole batch, and not to what it
    remembers."""
    parts, batch = parts_of(), batch_of()
    changed = dict(batch, video=jnp.where(batch["mask"][..., None, None, None], batch["video"], 9))
    assert jnp.abs(changed["video"] - batch["video"]).max() > 1

    @jax.jit
    def run(batch):
        model = states.merge(parts.train_def, parts.params, parts.stats)
        logits = model(batch["video"], batch["mask"])
        return logits, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))

    assert all(jax.tree.leaves(same(run(batch), run(changed))))


@pytest.mark.parametrize("arch", ["conv_lstm", "conv_transformer"])
def test_alone_and_in_a_batch(arch):
    """Lengths 4, 1 and 3 in one batch give what each gives alone, without padding."""
    settings = dict(num_classes=5, num_frames=TIME, image_size=8)
    model = filled.random(lambda: zoo.create(arch, rngs=nnx.Rngs(0), **settings))
    graphdef, params = nnx.split(model)
    call = jax.jit(lambda params, *inputs: nnx.merge(graphdef, params)(*inputs))
    video = jnp.asarray(np.random.default_rng(0).normal(size=(3, TIME, 8, 8, 3)).astype("float32"))
    together = call(params, video, batch_of()["mask"])
    for row, length in enumerate(LENGTHS):
        alone = call(params, video[row : row + 1, :length], None)
        np.testing.assert_allclose(together[row : row + 1], alone, atol=2e-5)


# ------------------------------------------------------------------ the small encoder
def test_the_small_encoder_keeps_places():
    """A bright spot gives other features at another place: pooling would give the same."""
    config = conv_encoder.ConvEncoderConfig(image_size=16, channels=(4, 6), dim=7)
    model = filled.random(lambda: conv_encoder.ConvEncoder(config, rngs=nnx.Rngs(0)))
    spots = jnp.zeros((2, 16, 16, 3)).at[0, 4, 4].set(5.0).at[1, 4, 8].set(5.0)
    features = model(spots)
    assert features.shape == (2, 7)
    assert jnp.abs(features[0] - features[1]).max() > 0.1


def test_the_small_encoder_refuses_a_broken_grid():
    """A frame of 20 pixels can't be halved three times."""
    with pytest.raises(errors.UserError, match="20 pixels .* multiple of 8"):
        conv_encoder.ConvEncoder(conv_encoder.ConvEncoderConfig(20), rngs=nnx.Rngs(0))


# ------------------------------------------------------------------ sizes
@pytest.mark.parametrize(
    ("arch", "name"),
    [
        ("conv_lstm", "resnet18"),
        ("conv_lstm", "lite0"),
        ("conv_transformer", "resnet18"),
    ],
)
def test_any_frame_encoder_fits(arch, name):
    """Each of the named encoders gives features that the sequence model takes."""
    settings = dict(num_classes=101, encoder=name)
    model = cost.abstract_model(lambda: zoo.create(arch, size="base", rngs=nnx.Rngs(0), **settings))
    parts = states.split(model)
    encoder = cost.abstract_model(lambda: frame_encoders.create(name, rngs=nnx.Rngs(0)))
    within = cost.count_parameters(parts.params["encoder"])
    assert within == cost.count_parameters(nnx.state(encoder, nnx.Param))
    clip = jax.ShapeDtypeStruct((2, 3, 32, 32, 3), jnp.float32)

    def call(params, stats, clip):
        return states.merge(parts.train_def, params, stats)(clip)

    assert jax.eval_shape(call, parts.params, parts.stats, clip).shape == (2, 101)


def test_parameters_to_the_digit():
    """ResNet18 without its head, and ActionBERT's BiLSTM."""
    model = cost.abstract_model(
        lambda: zoo.create("conv_lstm", size="base", num_classes=101, rngs=nnx.Rngs(0))
    )
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 11_176_512 + 14_800_997


class RoughEncoder(nnx.Module):
    """Computes in half precision."""

    def __call__(self, images):
        return images.mean(axis=(1, 2)).astype(jnp.bfloat16)


class FirstFrame(nnx.Module):
    """Gives the features of the first frame for logits."""

    def __call__(self, features, mask, rngs):
        return features[:, 0]


def test_features_are_float32_for_the_sequence_model():
    """Whatever the encoder computes in: what is added up over time would lose its last digits."""
    model = end_to_end.EndToEnd(RoughEncoder(), FirstFrame())
    assert model(jnp.zeros((1, 3, 4, 4, 3))).dtype == jnp.float32
