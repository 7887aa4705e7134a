"""Attention rollout: how much of each patch reaches the CLS token through all blocks.

found = attention.maps(model, clip)
heat = rollout.rollout(found, model.config.attention, model.config.grid())

Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (2020), section 4; the
steps over time and over space of one block are two layers to it.
"""

from collections.abc import Mapping

import einops
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from flaxvid.models import schemes


def shares(
    maps: Mapping[str, Float[Array, "block batch group head query key"]],
    scheme: str,
    grid: tuple[int, int, int],
    mask: Bool[Array, "batch time"] | None = None,
) -> Float[Array, "row token source"]:
    """What share of every token, after all blocks, comes from every token that came in.

    Each token starts as wholly itself. A step of attention mixes the shares as it mixes values,
    by the mean over its heads, and half of every token bypasses it, as the residual does. So
    every row sums to 1. Linear layers and MLPs mix no tokens and are passed over: attention whose
    outcome they throw away, as a fresh `temporal_fc` does, counts all the same.

    `maps` are those of `attention.maps`, by step; `grid` is frames, and patches down and across;
    frames whose mask is False give nothing to the CLS token. A row is a clip; in space attention
    it is a frame, (batch time) of them, and the tokens are those of one frame.
    """
    means = {step: found.mean(axis=3) for step, found in maps.items()}
    blocks, rows = next(iter(means.values())).shape[:2]
    time, tokens = grid[0], 1 + grid[1] * grid[2]
    if scheme == "space":
        rows = rows * time
    else:
        tokens = 1 + time * grid[1] * grid[2]
    mixed = jnp.broadcast_to(jnp.eye(tokens), (rows, tokens, tokens))

    def step_of(weights):
        weights = einops.rearrange(weights, "batch group query key -> (batch group) query key")

        # A scheme adds what a step gives, so that x becomes x + (Ax - x) / 2.
        def halfway(tokens, mask=None):
            return (weights @ tokens - tokens) / 2

        return halfway

    for block in range(blocks):
        steps = {step: step_of(found[block]) for step, found in means.items()}
        mixed = schemes.SCHEMES[scheme](mixed, steps, grid, mask)
    return mixed


def rollout(
    maps: Mapping[str, Float[Array, "block batch group head query key"]],
    scheme: str,
    grid: tuple[int, int, int],
    mask: Bool[Array, "batch time"] | None = None,
) -> Float[Array, "batch time height width"]:
    """The share of the CLS token that comes from every patch; what is left is its own.

    Arguments as of `shares`. In space attention it is the mean over the frames.
    """
    time, height, _ = grid
    if scheme != "space":
        cls = shares(maps, scheme, grid, mask)[:, 0, 1:]
        return einops.rearrange(cls, "b (t h w) -> b t h w", t=time, h=height)
    cls = shares(maps, scheme, grid)[:, 0, 1:]
    frames = einops.rearrange(cls, "(b t) (h w) -> b t h w", t=time, h=height)
    real = jnp.ones(frames.shape[:2]) if mask is None else mask.astype(frames.dtype)
    return frames * (real / real.sum(axis=1, keepdims=True))[:, :, None, None]
