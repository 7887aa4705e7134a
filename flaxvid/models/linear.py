"""A linear model over the embeddings of a video's frames, one after another.

Nothing is learnt step by step: `training/ridge.py` has its weights in closed form. What it reaches,
any other model over the same embeddings should.
"""

import dataclasses

import jax.numpy as jnp
import tyro
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors
from flaxvid.models import embedding_inputs


@dataclasses.dataclass(frozen=True)
class LinearConfig:
    """What the model sees."""

    # These three follow from the data, not from the command line.
    num_classes: tyro.conf.Suppress[int]
    num_frames: tyro.conf.Suppress[int] = 16
    """Frames of the longest sequence."""
    embedding_dim: tyro.conf.Suppress[int] = 1280
    """Width of a frame's embedding."""
    center: embedding_inputs.Center = "mean-token"
    """The mean of a video's frames: taken out of them and put before them as a token, taken out
    only, or left where it is."""
    standardise: bool = True
    """Bring each number of the embeddings to a like scale, by the training videos' statistics."""


def flatten(
    tokens: Float[Array, "batch token dim"], mask: Bool[Array, "batch token"] | None
) -> Float[Array, "batch features"]:
    """A sequence as one vector: tokens whose mask is False are zeros."""
    if mask is not None:
        tokens = jnp.where(mask[:, :, None], tokens, 0)
    return tokens.reshape(tokens.shape[0], -1)


class Linear(nnx.Module):
    """Embeddings to logits: all numbers of all frames, each with a weight for each class."""

    def __init__(self, config: LinearConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.prepare = embedding_inputs.EmbeddingInputs(
            config.embedding_dim, config.center, config.standardise, dropout=0.0
        )
        tokens = config.num_frames + embedding_inputs.extra_tokens(config.center)
        features = tokens * config.embedding_dim
        self.head = nnx.Linear(features, config.num_classes, rngs=rngs)

    def __call__(
        self,
        inputs: Float[Array, "batch time dim"],
        mask: Bool[Array, "batch time"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch classes"]:
        """Logits of sequences of embeddings; frames whose mask is False are ignored.

        Raises:
            UserError: if a sequence is not of `num_frames`, padding included.
        """
        if inputs.shape[1] != self.config.num_frames:
            raise errors.UserError(
                f"a sequence of {inputs.shape[1]} frames: the model takes {self.config.num_frames}"
            )
        return self.head(flatten(*self.prepare(inputs, mask, rngs)))
