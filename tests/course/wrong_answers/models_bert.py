"""Wrong answers for the exercises of flaxvid.models.bert."""

import jax.numpy as jnp


# --- masked_mean ------------------------------------------------------------------------
def masked_mean_of_everything(tokens, mask=None):
    return jnp.mean(tokens, axis=1)


def masked_mean_over_the_padded_length(tokens, mask=None):
    mask = jnp.ones(tokens.shape[:2], bool) if mask is None else mask
    return jnp.mean(jnp.where(mask[:, :, None], tokens, 0.0), axis=1)


def masked_mean_not_divided(tokens, mask=None):
    return jnp.sum(tokens, axis=1, where=None if mask is None else mask[:, :, None])


def masked_mean_by_the_mean_length(tokens, mask=None):
    mask = jnp.ones(tokens.shape[:2], bool) if mask is None else mask
    return jnp.sum(jnp.where(mask[:, :, None], tokens, 0.0), axis=1) / mask.sum(axis=1).mean()


def masked_mean_multiplied(tokens, mask=None):  # 0 x NaN is NaN
    mask = jnp.ones(tokens.shape[:2], bool) if mask is None else mask
    weights = mask[:, :, None].astype(tokens.dtype)
    return (tokens * weights).sum(axis=1) / weights.sum(axis=1)


def masked_mean_of_zeros_for_nan(tokens, mask=None):  # a real NaN is hidden as well
    mask = jnp.ones(tokens.shape[:2], bool) if mask is None else mask
    kept = jnp.nan_to_num(tokens, posinf=0.0, neginf=0.0) * mask[:, :, None]
    return jnp.sum(kept, axis=1) / jnp.sum(mask, axis=1, keepdims=True)


def masked_mean_without_tokens_of_zeros(tokens, mask=None):  # where there is no mask
    mask = jnp.any(tokens != 0, axis=2) if mask is None else mask
    kept = jnp.where(mask[:, :, None], tokens, 0.0)
    return kept.sum(axis=1) / mask.sum(axis=1, keepdims=True)


def masked_mean_of_what_is_not_zero(tokens, mask=None):
    if mask is None:
        return jnp.mean(tokens, axis=1)
    kept = jnp.where(mask[:, :, None], tokens, 0.0)
    return kept.sum(axis=1) / jnp.maximum((kept != 0).sum(axis=1), 1)


def masked_mean_of_the_first_tokens(tokens, mask=None):  # as many as there are
    if mask is None:
        return jnp.mean(tokens, axis=1)
    first = jnp.arange(mask.shape[1]) < jnp.sum(mask, axis=1, keepdims=True)
    return jnp.mean(tokens, axis=1, where=first[:, :, None])


def masked_mean_of_tokens_with_something(tokens, mask=None):
    if mask is None:
        return jnp.mean(tokens, axis=1)
    there = mask[:, :, None] & jnp.any(tokens != 0, axis=-1, keepdims=True)
    return jnp.mean(tokens, axis=1, where=there)


def masked_mean_of_nan_hidden_without_a_mask(tokens, mask=None):
    if mask is None:
        return jnp.nanmean(tokens, axis=1)
    return jnp.mean(tokens, axis=1, where=mask[:, :, None])


def masked_mean_of_each_text_s_real_tokens(tokens, mask=None):  # which can't be compiled
    if mask is None:
        return tokens.mean(axis=1)
    return jnp.stack([one[real].mean(axis=0) for one, real in zip(tokens, mask, strict=True)])
