"""Wrong answers for the exercises of flaxvid.models.rollout."""

import einops
import jax.numpy as jnp

from flaxvid.models import schemes


# --- shares -----------------------------------------------------------------------------
def _shares(maps, scheme, grid, mask, *, residual=True, over_heads=jnp.mean, order=1, masked=True):
    """The right one, but for what the options say."""
    means = {step: over_heads(found, axis=3) for step, found in maps.items()}
    blocks, rows = next(iter(means.values())).shape[:2]
    tokens = 1 + grid[1] * grid[2] * (1 if scheme == "space" else grid[0])
    rows = rows * grid[0] if scheme == "space" else rows
    mixed = jnp.broadcast_to(jnp.eye(tokens), (rows, tokens, tokens))

    def step_of(weights):
        weights = einops.rearrange(weights, "batch group query key -> (batch group) query key")
        half = 0.5 if residual else 1.0
        return lambda tokens, mask=None: half * (weights @ tokens - tokens)

    for block in range(blocks)[::order]:
        steps = {step: step_of(found[block]) for step, found in means.items()}
        mixed = schemes.SCHEMES[scheme](mixed, steps, grid, mask if masked else None)
    return mixed


def shares_without_the_residual(maps, scheme, grid, mask=None):
    return _shares(maps, scheme, grid, mask, residual=False)


def shares_from_the_last_block(maps, scheme, grid, mask=None):
    return _shares(maps, scheme, grid, mask, order=-1)


def shares_of_the_strongest_head(maps, scheme, grid, mask=None):
    return _shares(maps, scheme, grid, mask, over_heads=jnp.max)


def shares_of_the_last_block_alone(maps, scheme, grid, mask=None):
    last = {step: found[-1:] for step, found in maps.items()}
    return _shares(last, scheme, grid, mask)


def shares_without_the_mask(maps, scheme, grid, mask=None):
    return _shares(maps, scheme, grid, mask, masked=False)


def shares_of_a_sum_of_heads(maps, scheme, grid, mask=None):
    return _shares(maps, scheme, grid, mask, over_heads=jnp.sum)


def shares_of_the_clip_in_space_too(maps, scheme, grid, mask=None):
    return _shares(maps, "joint" if scheme == "space" else scheme, grid, mask)


def shares_of_three_schemes(maps, scheme, grid, mask=None):
    if scheme not in ("divided", "joint", "space"):
        raise ValueError(f"no shares of {scheme}")
    return _shares(maps, scheme, grid, mask)
