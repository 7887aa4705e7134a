"""Pixels to logits in one model: a frame encoder and a sequence model, trained together or in part.

model = EndToEnd(encoder, sequence)

`encoder(frames)` gives a vector for each of `batch height width 3` frames; `sequence(features,
mask, rngs)` is any model over embeddings.
"""

import dataclasses
from typing import Annotated, Literal

import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import ranges
from flaxvid.models import bert, bilstm, conv_encoder, frame_encoders, layers

EncoderName = Literal["conv", "resnet18", "lite0", "densenet121"]


def repeat_real_frames(
    video: Float[Array, "batch time height width channel"], mask: Bool[Array, "batch time"]
) -> Float[Array, "batch time height width channel"]:
    """Puts a clip's real frames over and over in place of its padding; they stay where they are.

    While an encoder learns, its BatchNorm takes mean and variance over all frames that it is
    given: so all should be real, and none of them a hundred times. Padding stands behind the real
    frames as a rule, but on both sides where a test shows one frame alone at its place.
    """
    lengths = jnp.maximum(jnp.sum(mask, axis=1, keepdims=True), 1)
    real_first = jnp.argsort(~mask, axis=1, stable=True)
    places = jnp.broadcast_to(jnp.arange(video.shape[1]), mask.shape)
    order = jnp.where(mask, places, jnp.take_along_axis(real_first, places % lengths, axis=1))
    return jnp.take_along_axis(video, order[:, :, None, None, None], axis=1)


class EndToEnd(nnx.Module):
    """Every frame through the encoder, then their features through the sequence model."""

    def __init__(self, encoder: nnx.Module, sequence: nnx.Module):
        self.encoder, self.sequence = encoder, sequence

    def __call__(
        self,
        inputs: Float[Array, "batch time height width 3"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of normalised RGB clips; frames whose mask is False are ignored."""
        if mask is not None:
            inputs = repeat_real_frames(inputs, mask)
        features = frame_encoders.time_distributed(self.encoder, inputs)
        # Whatever the encoder computes in: an LSTM adds to its state at every frame.
        return self.sequence(features.astype(jnp.float32), mask, rngs)


def _frame_encoder(config, rngs):
    """The encoder that a config names, and the width of its features."""
    if config.encoder == "conv":
        made_of = conv_encoder.ConvEncoderConfig(config.image_size)
        encoder = conv_encoder.ConvEncoder(made_of, rngs=rngs)
        return layers.compute_in(encoder, config.dtype), made_of.dim
    encoder = frame_encoders.create(config.encoder, dtype=config.dtype, rngs=rngs)
    return encoder, frame_encoders.find(config.encoder).dim


@dataclasses.dataclass(frozen=True)
class ConvLSTMConfig:
    """Convolutions and a BiLSTM; the defaults are a laptop's."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 8
    image_size: tyro.conf.Suppress[int] = 32
    """Height and width of a frame, in pixels."""
    encoder: EncoderName = "conv"
    """A small network that keeps places, for small frames; or one of ImageNet's, for frames of 32
    pixels or more."""
    hidden_dim: Annotated[int, ranges.WIDTH] = 64
    """Width of the state of one direction."""
    depth: Annotated[int, ranges.DEPTH] = 1
    """LSTMs, one on top of another."""
    fc_dim: Annotated[int, ranges.WIDTH] = 64
    """Width of the layer before the logits."""
    layer_dropout: Annotated[float, ranges.PROBABILITY] = 0.1
    """Between one layer and the next."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.1
    """Before the logits."""
    # How to compute it: --precision.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""

    @classmethod
    def small(cls, **overrides):
        """For two cores or a small GPU: Lite0 at 112 pixels, and a BiLSTM."""
        small = dict(encoder="lite0", image_size=112, hidden_dim=128, fc_dim=128, dropout=0.3)
        return cls(**small | overrides)

    @classmethod
    def base(cls, **overrides):
        """ResNet18 and ActionBERT's BiLSTM."""
        published = dict(encoder="resnet18", hidden_dim=1024, fc_dim=1024, dropout=0.5)
        return cls(**published | {"image_size": 224} | overrides)


def conv_lstm(config: ConvLSTMConfig, *, rngs: nnx.Rngs) -> EndToEnd:
    """A frame encoder and a BiLSTM."""
    frames, embedding_dim = _frame_encoder(config, rngs)
    sequence = bilstm.BiLSTMConfig(**_shared(config, bilstm.BiLSTMConfig, embedding_dim))
    return EndToEnd(frames, bilstm.BiLSTM(sequence, rngs=rngs))


@dataclasses.dataclass(frozen=True)
class ConvTransformerConfig:
    """Convolutions and a BERT; the defaults are a laptop's."""

    # These three follow from the data and its preprocessing, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 8
    image_size: tyro.conf.Suppress[int] = 32
    """Height and width of a frame, in pixels."""
    encoder: EncoderName = "conv"
    """A small network that keeps places, for small frames; or one of ImageNet's, for frames of 32
    pixels or more."""
    dim: Annotated[int, ranges.WIDTH] = 64
    """Width of a token."""
    depth: Annotated[int, ranges.DEPTH] = 2
    """Blocks."""
    num_heads: Annotated[int, ranges.WIDTH] = 4
    """Heads of attention; they share the width."""
    mlp_dim: Annotated[int, ranges.WIDTH] = 128
    """Width between a block's two linear layers."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.0
    """Of the embeddings and of every residual branch."""
    attention_dropout: Annotated[float, ranges.PROBABILITY] = 0.0
    """Of the attention weights."""
    pooling: Literal["cls", "mean"] = "cls"
    """What goes to the head: a learned token put before the frames, or the frames' mean."""
    init_std: Annotated[float, ranges.between(0, 10)] = 0.1
    """Initial standard deviation of linear layers and embeddings."""
    # How to compute it: --precision.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""

    @classmethod
    def small(cls, **overrides):
        """For two cores or a small GPU: Lite0 at 112 pixels, and two blocks of BERT."""
        small = dict(encoder="lite0", image_size=112, dim=128, mlp_dim=512)
        return cls(**small | dict(dropout=0.1, attention_dropout=0.1) | overrides)

    @classmethod
    def base(cls, **overrides):
        """ResNet18 and one block as wide as BERT base."""
        wide = dict(dim=768, depth=1, num_heads=12, mlp_dim=3072, init_std=0.02)
        published = dict(encoder="resnet18", dropout=0.1, attention_dropout=0.1)
        return cls(**wide | published | {"image_size": 224} | overrides)


def conv_transformer(config: ConvTransformerConfig, *, rngs: nnx.Rngs) -> EndToEnd:
    """A frame encoder and a BERT."""
    frames, embedding_dim = _frame_encoder(config, rngs)
    sequence = bert.BertConfig(**_shared(config, bert.BertConfig, embedding_dim))
    return EndToEnd(frames, bert.Bert(sequence, rngs=rngs))


def _shared(config, kind, embedding_dim):
    """The fields that a config has in common with that of its sequence model."""
    names = {field.name for field in dataclasses.fields(kind)}
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: fields[name] for name in names & set(fields)} | {"embedding_dim": embedding_dim}
