"""Right answers for the exercises of flaxvid.models.bert, in other ways."""

import jax
import jax.numpy as jnp


# --- masked_mean ------------------------------------------------------------------------
def masked_mean_by_where(tokens, mask=None):
    if mask is None:
        return tokens.mean(axis=1)
    kept = jnp.where(mask[:, :, None], tokens, 0)
    return kept.sum(axis=1) / mask.sum(axis=1, keepdims=True)


def masked_mean_row_by_row(tokens, mask=None):
    mask = jnp.full(tokens.shape[:2], True) if mask is None else mask
    return jax.vmap(lambda row, real: row.mean(axis=0, where=real[:, None]))(tokens, mask)


def masked_mean_by_sum_where(tokens, mask=None):
    where = jnp.ones((*tokens.shape[:2], 1), bool) if mask is None else mask[..., None]
    return jnp.sum(tokens, axis=1, where=where) / jnp.sum(where, axis=1)
