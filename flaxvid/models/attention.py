"""Attention, and the two ways of pointing it at a video: along time, or across one frame.

Patch tokens stand in one sequence, frame after frame: `batch (time space) dim`. To attend over
time, every place becomes a row of the batch; to attend over space, every frame does. Attention
itself never knows the difference.
"""

import functools
from collections.abc import Callable

import einops
import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from flaxvid import errors
from flaxvid.models import chunked_attention, fused_attention, layers

# The steps of divided attention, and how the names of their layers begin.
STEPS = (("time", "temporal_"), ("space", ""))


def scaled_dot_product(
    query: Float[Array, "batch query head dim"],
    key: Float[Array, "batch key head dim"],
    value: Float[Array, "batch key head dim"],
    mask: Bool[Array, "batch key"] | None = None,
    drop: Callable[[Array], Array] | None = None,
) -> Float[Array, "batch query head dim"]:
    """Every query takes the mean of the values, weighted by how well each key matches it.

    The weights are softmax(query . key / sqrt(dim)), taken in float32; keys whose mask is False
    get weight zero. `drop` is a dropout of the weights, in training.

    Source: Vaswani et al., "Attention Is All You Need" (2017), eq. 1.
    """
    # Scores of half-precision numbers may be too large for it.
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key, preferred_element_type=jnp.float32)
    scores = scores / query.shape[-1] ** 0.5
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :], scores, -jnp.inf)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    if drop is not None:
        weights = drop(weights)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


class Attention(nnx.Module):
    """Multi-head self-attention with one linear layer for query, key and value.

    Its attributes are `num_heads`; `qkv` and `proj` (nnx.Linear), where published weights are put;
    and `dropout` (layers.Dropout), for the attention weights. `qkv` gives the query of every
    head, head by head, then the keys, then the values; `proj` takes the heads side by side.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        head_dim: int | None = None,
        dropout: float = 0.0,
        init=layers.INIT,
        dtype=None,
        rngs: nnx.Rngs,
    ):
        """`head_dim` is the width of one head: `dim / num_heads` unless given; `dropout` is the
        share of the attention weights that is dropped in training.

        Raises:
            UserError: if `dim` is not a multiple of `num_heads` and no `head_dim` is given.
        """
        if head_dim is None and dim % num_heads:
            raise errors.UserError(
                f"a width of {dim} does not divide into {num_heads} heads: "
                "choose num_heads that divides dim"
            )
        self.num_heads = num_heads
        inner_dim = num_heads * (head_dim or dim // num_heads)
        self.qkv = layers.Linear(dim, 3 * inner_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.proj = layers.Linear(inner_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(
        self,
        tokens: Float[Array, "batch token dim"],
        mask: Bool[Array, "batch token"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "batch token dim"]:
        query, key, value = einops.rearrange(
            self.qkv(tokens),
            "batch token (three head dim) -> three batch token head dim",
            three=3,
            head=self.num_heads,
        )
        drop = functools.partial(self.dropout, rngs=rngs)
        drops = rngs is not None and self.dropout.rate > 0
        attend = _without_scores(query, drops) or scaled_dot_product
        attended = attend(query, key, value, mask, drop)
        return self.proj(
            einops.rearrange(attended, "batch token head dim -> batch token (head dim)")
        )


def attend(
    query: Float[Array, "batch token head dim"],
    key: Float[Array, "batch token head dim"],
    value: Float[Array, "batch token head dim"],
    mask: Bool[Array, "batch token"] | None = None,
) -> Float[Array, "batch token head dim"]:
    """`scaled_dot_product` of tokens over themselves, without all scores in memory where it pays.

    For attention that does something to queries and keys first, such as turning them by their
    positions.
    """
    return (_without_scores(query, drops=False) or scaled_dot_product)(
        query, key, value, mask, None
    )


def _without_scores(query, drops):
    """`scaled_dot_product` as the device has it, or None where it is not to be had.

    It can drop no weights. And a learner's `scaled_dot_product` is not to be passed over.
    """
    if drops or scaled_dot_product.__module__ != __name__:
        return None
    how = fused_attention.here(query)
    if how is not None and fused_attention.takes(query.shape[1], query.shape[3]):
        return lambda query, key, value, mask, _: fused_attention.dot_product(
            query, key, value, mask, how=how
        )
    if chunked_attention.here(query):
        return lambda query, key, value, mask, _: chunked_attention.dot_product(
            query, key, value, mask
        )
    return None


def weights(
    attention: nnx.Module,
    tokens: Float[Array, "batch token dim"],
    mask: Bool[Array, "batch token"] | None = None,
) -> Float[Array, "batch head query key"]:
    """What every token takes from every other, in each head; over the keys it sums to 1."""
    query, key, value = einops.rearrange(
        attention.qkv(tokens),
        "batch token (three head dim) -> three batch token head dim",
        three=3,
        head=attention.num_heads,
    )
    seen = []
    scaled_dot_product(query, key, value, mask, lambda found: seen.append(found) or found)
    return seen[0]


def maps(
    model: nnx.Module,
    inputs: Float[Array, "batch time height width 3"],
    mask: Bool[Array, "batch time"] | None = None,
) -> dict[str, Float[Array, "block batch group head query key"]]:
    """The attention weights of every block and head of a TimeSformer, by step of its scheme.

    A group is what attends among itself: in `time` one place in all frames, `space` one frame
    with the CLS token in front, `joint` the whole clip with the CLS token; for the other steps see
    `schemes`. Groups stand in the order of frames and places, and what a query takes from all
    keys sums to 1.

    Args:
        model: divided, joint or any other scheme.
        inputs: normalised clips, as the model takes them.
        mask: False for padded frames, from which nothing is taken over time.
    """
    model, found = nnx.clone(model), {}

    def watched(attend, step):
        def watch(rows, mask=None):
            seen = weights(attend, rows, mask)
            seen = einops.rearrange(seen, "(b g) h q k -> b g h q k", b=inputs.shape[0])
            found.setdefault(step, []).append(seen)
            return attend(rows, mask)

        return watch

    for block in model.blocks:
        for step, prefix in getattr(block, "steps", STEPS):
            layer = f"{prefix}attn"
            setattr(block, layer, watched(getattr(block, layer), step))
    model(inputs, mask)
    return {step: jnp.stack(blocks) for step, blocks in found.items()}


def over_time(
    attend: Callable,
    patches: Float[Array, "batch token dim"],
    num_frames: int,
    mask: Bool[Array, "batch time"] | None = None,
) -> Float[Array, "batch token dim"]:
    """Lets every patch attend to the patches at its own place in all frames.

    `attend(tokens, mask)` sees `(batch space) time dim` and the mask of frames `(batch space)
    time`.

    Source: Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?"
    (2021), eq. 10.
    """
    batch, space = patches.shape[0], patches.shape[1] // num_frames
    rows = einops.rearrange(patches, "b (t s) d -> (b s) t d", t=num_frames)
    if mask is not None:
        mask = einops.repeat(mask, "b t -> (b s) t", s=space)
    return einops.rearrange(attend(rows, mask), "(b s) t d -> b (t s) d", b=batch)


def over_space(
    attend: Callable,
    cls: Float[Array, "batch 1 dim"],
    patches: Float[Array, "batch token dim"],
    num_frames: int,
    mask: Bool[Array, "batch time"] | None = None,
) -> tuple[Float[Array, "batch 1 dim"], Float[Array, "batch token dim"]]:
    """Lets every patch attend to the CLS token and to the patches of its own frame.

    Every frame gets a copy of the CLS token; the copies' outputs are averaged over the real
    frames. `attend(tokens)` sees `(batch time) (1 + space) dim`.

    Source: Bertasius et al. (2021), eq. 11, and the official implementation for the CLS mean.
    """
    batch = patches.shape[0]
    frames = einops.rearrange(patches, "b (t s) d -> (b t) s d", t=num_frames)
    copies = einops.repeat(cls, "b 1 d -> (b t) 1 d", t=num_frames)
    frames = attend(jnp.concatenate([copies, frames], axis=1))
    copies = einops.rearrange(frames[:, 0], "(b t) d -> b t d", b=batch)
    where = None if mask is None else mask[:, :, None]
    cls = jnp.mean(copies, axis=1, keepdims=True, where=where)
    return cls, einops.rearrange(frames[:, 1:], "(b t) s d -> b (t s) d", b=batch)
