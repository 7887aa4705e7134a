"""BiLSTM: reads a sequence of embeddings in both directions, and keeps what each read last.

Sequences are padded to one length, the real frames first. Padding leaves a state as it is, so each
direction ends with the state of its last real frame.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float, PyTree

from flaxvid import ranges
from flaxvid.models import embedding_inputs, layers


@dataclasses.dataclass(frozen=True, kw_only=True)
class BiLSTMConfig(embedding_inputs.Prepared):
    """What a BiLSTM is made of; `base` is ActionBERT's."""

    # These three follow from the data, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 8
    """Frames of the longest sequence; any other length will do as well."""
    embedding_dim: tyro.conf.Suppress[int] = 512
    """Width of a frame's embedding."""
    hidden_dim: Annotated[int, ranges.WIDTH] = 1024
    """Width of the state of one direction."""
    depth: Annotated[int, ranges.DEPTH] = 1
    """LSTMs, one on top of another."""
    fc_dim: Annotated[int, ranges.WIDTH] = 1024
    """Width of the layer before the logits."""
    layer_dropout: Annotated[float, ranges.PROBABILITY] = 0.1
    """Between one layer and the next."""
    dropout: Annotated[float, ranges.PROBABILITY] = 0.5
    """Before the logits."""
    input_start: Literal["width", "state"] = "state"
    """What the weights on a layer's inputs start uniform by: half of 1 / sqrt of the inputs' width,
    so that wide inputs don't saturate the gates; or 1 / sqrt of the state's, as in PyTorch."""
    # How to compute it: --precision.
    dtype: tyro.conf.Suppress[str] = "float32"
    """Type of the arithmetic; parameters, norms' statistics and logits stay float32."""

    @classmethod
    def tiny(cls, **overrides):
        """A laptop's: a state of 64 in each direction."""
        tiny = dict(hidden_dim=64, fc_dim=64, dropout=0.1, input_start="width")
        return cls(**tiny | overrides)

    @classmethod
    def base(cls, **overrides):
        """ActionBERT's, for embeddings of ResNet18. It starts as PyTorch's does."""
        return cls(**overrides)


def lstm_update(
    gates: Float[Array, "batch gates"], cell: Float[Array, "batch hidden"]
) -> tuple[Float[Array, "batch hidden"], Float[Array, "batch hidden"]]:
    """One step of an LSTM: the new hidden state and the new cell.

    `gates` (= 4 x hidden) holds the sums of the four gates before their nonlinearities, in
    PyTorch's order: what to take in, what to keep, the candidate, what to show.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997), with the forget gate of
    Gers et al., "Learning to Forget" (2000).
    """
    take, keep, candidate, show = jnp.split(gates, 4, axis=-1)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * jnp.tanh(cell), cell


def masked_scan(
    update: Callable,
    state: PyTree[Float[Array, "batch _"]],
    sequence: Float[Array, "batch time dim"],
    mask: Bool[Array, "batch time"],
) -> tuple[PyTree[Float[Array, "batch _"]], PyTree[Float[Array, "batch time _"]]]:
    """Carries a state through time: the last state, and the state after every frame.

    `update(state, inputs)` gives the next state from that before it and the `batch dim` inputs of
    one frame. Frames whose mask is False leave the state as it is.
    """

    def step(state, frame):
        inputs, real = frame
        new = jax.tree.map(
            lambda new, old: jnp.where(real[:, None], new, old), update(state, inputs), state
        )
        return new, new

    frames = jnp.moveaxis(sequence, 1, 0), jnp.moveaxis(mask, 1, 0)
    last, states = jax.lax.scan(step, state, frames)
    return last, jax.tree.map(lambda values: jnp.moveaxis(values, 0, 1), states)


def reverse_padded(
    sequence: Float[Array, "batch time dim"], mask: Bool[Array, "batch time"]
) -> Float[Array, "batch time dim"]:
    """Every sequence backwards: its real frames, which stand first; its padding stays behind."""
    times = jnp.arange(sequence.shape[1])[None, :]
    lengths = jnp.sum(mask, axis=1, keepdims=True)
    order = jnp.where(times < lengths, lengths - 1 - times, times)
    return jnp.take_along_axis(sequence, order[:, :, None], axis=1)


def _uniform(width, share=1.0):
    bound = share / math.sqrt(width)

    def init(key, shape, dtype=jnp.float32):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


class LSTM(nnx.Module):
    """One layer in one direction."""

    def __init__(
        self,
        dim: int,
        hidden_dim: int,
        *,
        input_start: Literal["width", "state"] = "state",
        rngs: nnx.Rngs,
    ):
        """Both linear layers have a bias, and all starts uniform in +-1 / sqrt(hidden_dim).

        With `input_start` `width`, the weights on the inputs do in +-0.5 / sqrt(dim). One bias
        would do; PyTorch's two make its weights fit.
        """
        by_state = _uniform(hidden_dim)
        start = dict(kernel_init=by_state, bias_init=by_state, rngs=rngs)
        by_input = _uniform(dim, 0.5) if input_start == "width" else by_state
        self.from_input = layers.Linear(dim, 4 * hidden_dim, **start | {"kernel_init": by_input})
        self.from_hidden = nnx.Linear(hidden_dim, 4 * hidden_dim, **start)

    def __call__(
        self, sequence: Float[Array, "batch time dim"], mask: Bool[Array, "batch time"]
    ) -> tuple[Float[Array, "batch hidden"], Float[Array, "batch time hidden"]]:
        """The last hidden state, and that after every frame."""

        def update(state, gates):
            hidden, cell = state
            return lstm_update(gates + self.from_hidden(hidden), cell)

        zeros = jnp.zeros((sequence.shape[0], self.from_hidden.in_features), sequence.dtype)
        # What the frames add to the gates does not depend on the state: one product for all.
        gates = self.from_input(sequence)
        (hidden, _), (hiddens, _) = masked_scan(update, (zeros, zeros), gates, mask)
        return hidden, hiddens


class BiLSTM(nnx.Module):
    """Embeddings to logits: layers of two directions, two linear layers.

    Source: ActionBERT's BiLSTM, in PyTorch.
    """

    def __init__(self, config: BiLSTMConfig, *, rngs: nnx.Rngs):
        self.config = config
        hidden_dim = config.hidden_dim
        dims = [config.embedding_dim] + [2 * hidden_dim] * (config.depth - 1)
        start = dict(input_start=config.input_start, rngs=rngs)
        self.prepare = embedding_inputs.EmbeddingInputs(
            config.embedding_dim, config.center, config.standardise, config.input_dropout
        )
        self.forwards = nnx.List([LSTM(dim, hidden_dim, **start) for dim in dims])
        self.backwards = nnx.List([LSTM(dim, hidden_dim, **start) for dim in dims])
        self.fc = nnx.Linear(2 * hidden_dim, config.fc_dim, rngs=rngs)
        self.head = nnx.Linear(config.fc_dim, config.num_classes, rngs=rngs)
        self.layer_dropout = layers.Dropout(config.layer_dropout)
        self.dropout = layers.Dropout(config.dropout)
        layers.compute_in(self, config.dtype)

    def __call__(
        self,
        inputs: Float[Array, "batch time dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of sequences of embeddings; frames whose mask is False are ignored."""
        last = self.read(inputs, mask, rngs)
        return self.head(jnp.tanh(self.dropout(self.fc(last), rngs=rngs)))

    def read(
        self,
        inputs: Float[Array, "batch time dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch both"]:
        """The last layer's two last states: after the last real frame, and back at the first."""
        sequence, mask = self.prepare(inputs, mask, rngs)
        if mask is None:
            mask = jnp.ones(sequence.shape[:2], bool)
        for number, (forwards, backwards) in enumerate(
            zip(self.forwards, self.backwards, strict=True)
        ):
            if number:
                sequence = self.layer_dropout(sequence, rngs=rngs)
            there, seen = forwards(sequence, mask)
            back, seen_back = backwards(reverse_padded(sequence, mask), mask)
            sequence = jnp.concatenate([seen, reverse_padded(seen_back, mask)], axis=-1)
        return jnp.concatenate([there, back], axis=-1)
