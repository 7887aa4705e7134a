"""Wrong answers for the exercises of flaxvid.models.attention."""

import functools

import einops
import jax
import jax.numpy as jnp
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention, layers


# --- scaled_dot_product -----------------------------------------------------------------
def _attend(query, key, value, mask=None, drop=None, root=True, hidden=-jnp.inf, axis=-1):
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key)
    if root:
        scores = scores / query.shape[-1] ** 0.5
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :], scores, hidden)
    weights = jax.nn.softmax(scores, axis=axis)
    if drop is not None:
        weights = drop(weights)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


def scaled_dot_product_not_scaled(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, mask, drop, root=False)


def scaled_dot_product_masked_by_zero(query, key, value, mask=None, drop=None):  # exp(0) is 1
    return _attend(query, key, value, mask, drop, hidden=0.0)


def scaled_dot_product_masked_by_a_thousand_million(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, mask, drop, hidden=-1e9)  # real scores may be below it


def scaled_dot_product_over_queries(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, mask, drop, axis=-2)


def scaled_dot_product_without_a_mask(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, None, drop)


def scaled_dot_product_that_overflows(query, key, value, mask=None, drop=None):
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1] ** 0.5
    odds = jnp.exp(scores)
    if mask is not None:
        odds = odds * mask[:, None, None, :]
    weights = odds / odds.sum(axis=-1, keepdims=True)
    return jnp.einsum("bhqk,bkhd->bqhd", weights if drop is None else drop(weights), value)


# --- Attention --------------------------------------------------------------------------
class Attention_interleaved(nnx.Module):  # query, key and value side by side in every head
    order = "(head three dim)"
    use_mask, use_rngs = True, True

    def __init__(
        self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
    ):
        if head_dim is None and dim % num_heads:
            raise errors.UserError(
                f"a width of {dim} does not divide into {num_heads} heads: choose another"
            )
        self.num_heads = num_heads
        inner = num_heads * (head_dim or dim // num_heads)
        self.qkv = nnx.Linear(dim, 3 * inner, kernel_init=init, dtype=dtype, rngs=rngs)
        self.proj = nnx.Linear(inner, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, mask=None, rngs=None):
        pattern = f"b n {self.order} -> three b n head dim"
        sizes = dict(three=3, head=self.num_heads)
        query, key, value = einops.rearrange(self.qkv(tokens), pattern, **sizes)
        drop = functools.partial(self.dropout, rngs=rngs if self.use_rngs else None)
        mask = mask if self.use_mask else None
        mixed = attention.scaled_dot_product(query, key, value, mask, drop)
        return self.proj(einops.rearrange(mixed, "b n head dim -> b n (head dim)"))


def _attention_like(name, **changes):
    """A class of its own, as a check wants methods that the class itself defines."""
    own = Attention_interleaved
    methods = {"__init__": own.__init__, "__call__": own.__call__}
    settings = {"order": "(three head dim)"} | changes
    return type(nnx.Module)(name, (own,), methods | settings)


Attention_heads_last = _attention_like("Attention_heads_last", order="(three dim head)")
Attention_without_a_mask = _attention_like("Attention_without_a_mask", use_mask=False)
Attention_without_dropout = _attention_like("Attention_without_dropout", use_rngs=False)


def _init_dropping_half(
    self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
):
    options = dict(head_dim=head_dim, dropout=0.5, init=init, dtype=dtype, rngs=rngs)
    Attention_interleaved.__init__(self, dim, num_heads, **options)


Attention_always_dropping_half = _attention_like(
    "Attention_always_dropping_half", __init__=_init_dropping_half
)


def _init_dropping_all_alike(
    self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
):
    Attention_interleaved.__init__(
        self, dim, num_heads, head_dim=head_dim, init=init, dtype=dtype, rngs=rngs
    )
    self.dropout = layers.Dropout(dropout, broadcast_dims=(1,))


Attention_dropping_all_heads_alike = _attention_like(
    "Attention_dropping_all_heads_alike", __init__=_init_dropping_all_alike
)


# --- over_time --------------------------------------------------------------------------
def over_time_by_reshape(attend, patches, num_frames, mask=None):  # nothing is moved
    batch, tokens, dim = patches.shape
    space = tokens // num_frames
    if mask is not None:
        mask = jnp.repeat(mask, space, axis=0)
    return attend(patches.reshape(batch * space, num_frames, dim), mask).reshape(patches.shape)


def over_time_over_frames(attend, patches, num_frames, mask=None):  # rows are frames
    batch = patches.shape[0]
    rows = einops.rearrange(patches, "b (t s) d -> (b t) s d", t=num_frames)
    return einops.rearrange(attend(rows, None), "(b t) s d -> b (t s) d", b=batch)


def over_time_clips_and_places_swapped(attend, patches, num_frames, mask=None):
    batch, space = patches.shape[0], patches.shape[1] // num_frames
    rows = einops.rearrange(patches, "b (t s) d -> (s b) t d", t=num_frames)
    if mask is not None:
        mask = einops.repeat(mask, "b t -> (s b) t", s=space)
    return einops.rearrange(attend(rows, mask), "(s b) t d -> b (t s) d", b=batch)


def over_time_with_masks_in_turn(attend, patches, num_frames, mask=None):  # of clip 0, 1, 0, 1 ...
    batch, space = patches.shape[0], patches.shape[1] // num_frames
    rows = einops.rearrange(patches, "b (t s) d -> (b s) t d", t=num_frames)
    if mask is not None:
        mask = jnp.tile(mask, (space, 1))
    return einops.rearrange(attend(rows, mask), "(b s) t d -> b (t s) d", b=batch)


def over_time_plus_itself(attend, patches, num_frames, mask=None):  # the block adds the residual
    return patches + attention_over_time(attend, patches, num_frames, mask)


def over_time_always_with_a_mask(attend, patches, num_frames, mask=None):
    if mask is None:
        mask = jnp.ones((patches.shape[0], num_frames), bool)
    space = patches.shape[1] // num_frames
    rows = einops.rearrange(patches, "b (t s) d -> (b s) t d", t=num_frames)
    seen = attend(rows, jnp.repeat(mask, space, axis=0))
    return einops.rearrange(seen, "(b s) t d -> b (t s) d", s=space)


def over_time_with_padding_as_it_was(attend, patches, num_frames, mask=None):
    space = patches.shape[1] // num_frames
    rows = einops.rearrange(patches, "b (t s) d -> (b s) t d", t=num_frames)
    real = None if mask is None else jnp.repeat(mask, space, axis=0)
    seen = attend(rows, real)
    if real is not None:
        seen = jnp.where(real[:, :, None], seen, rows)
    return einops.rearrange(seen, "(b s) t d -> b (t s) d", s=space)


attention_over_time = attention.over_time  # before a check puts a wrong answer in its place


# --- over_space -------------------------------------------------------------------------
def _over_space(attend, cls, patches, num_frames, mean):
    batch = patches.shape[0]
    frames = einops.rearrange(patches, "b (t s) d -> (b t) s d", t=num_frames)
    copies = einops.repeat(cls, "b 1 d -> (b t) 1 d", t=num_frames)
    frames = attend(jnp.concatenate([copies, frames], axis=1))
    copies = einops.rearrange(frames[:, 0], "(b t) d -> b t d", b=batch)
    return mean(copies), einops.rearrange(frames[:, 1:], "(b t) s d -> b (t s) d", b=batch)


def over_space_first_copy_only(attend, cls, patches, num_frames, mask=None):
    return _over_space(attend, cls, patches, num_frames, lambda copies: copies[:, :1])


def over_space_padding_in_the_mean(attend, cls, patches, num_frames, mask=None):
    return _over_space(
        attend, cls, patches, num_frames, lambda copies: copies.mean(1, keepdims=True)
    )


def over_space_cls_of_another_clip(attend, cls, patches, num_frames, mask=None):
    cls = jnp.tile(cls, (num_frames, 1, 1))  # clip 0, 1, 0, 1 ...
    batch = patches.shape[0]
    frames = einops.rearrange(patches, "b (t s) d -> (b t) s d", t=num_frames)
    frames = attend(jnp.concatenate([cls, frames], axis=1))
    where = None if mask is None else mask[:, :, None]
    copies = einops.rearrange(frames[:, 0], "(b t) d -> b t d", b=batch)
    patches = einops.rearrange(frames[:, 1:], "(b t) s d -> b (t s) d", b=batch)
    return copies.mean(1, keepdims=True, where=where), patches


def over_space_all_frames_at_once(attend, cls, patches, num_frames, mask=None):  # joint attention
    tokens = attend(jnp.concatenate([cls, patches], axis=1))
    return tokens[:, :1], tokens[:, 1:]


# --- in half precision, without dropout, by multiplication ------------------------------
def scaled_dot_product_without_drop(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, mask)


def scaled_dot_product_in_the_precision_of_the_query(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, mask, drop)


def scaled_dot_product_cast_too_late(query, key, value, mask=None, drop=None):  # 300s in float16
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key).astype(jnp.float32)
    scores = scores / query.shape[-1] ** 0.5
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :], scores, -jnp.inf)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    weights = weights if drop is None else drop(weights)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


def scaled_dot_product_dropped_before_the_softmax(query, key, value, mask=None, drop=None):
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key, preferred_element_type=jnp.float32)
    scores = scores / query.shape[-1] ** 0.5
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :], scores, -jnp.inf)
    scores = scores if drop is None else drop(scores)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


def scaled_dot_product_masked_by_multiplication(query, key, value, mask=None, drop=None):
    if mask is not None:
        return _attend(query, key * mask[:, :, None, None], value, mask, drop)
    return _attend(query, key, value, mask, drop)


def scaled_dot_product_masked_by_ten_thousand(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, mask, drop, hidden=-1e4)  # as BERT's first code does


def scaled_dot_product_masking_queries_too(query, key, value, mask=None, drop=None):
    mixed = _attend(query, key, value, mask, drop)
    if mask is None or query.shape[1] != key.shape[1]:
        return mixed
    return jnp.where(mask[:, :, None, None], mixed, 0.0)  # of tokens that attend to themselves


def _keys_before_queries(self, tokens, mask=None, rngs=None):
    pattern = "b n (three head dim) -> three b n head dim"
    key, query, value = einops.rearrange(self.qkv(tokens), pattern, three=3, head=self.num_heads)
    drop = functools.partial(self.dropout, rngs=rngs)
    mixed = attention.scaled_dot_product(query, key, value, mask, drop)
    return self.proj(einops.rearrange(mixed, "b n head dim -> b n (head dim)"))


Attention_query_and_key_swapped = _attention_like(
    "Attention_query_and_key_swapped", __call__=_keys_before_queries
)


def _init_without(what):
    def __init__(
        self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
    ):
        if head_dim is None and dim % num_heads and what != "error":
            raise errors.UserError(f"a width of {dim} does not divide into {num_heads} heads")
        self.num_heads = num_heads
        width = dim // num_heads if what == "head_dim" else head_dim or dim // num_heads
        options = dict(kernel_init=init, dtype=dtype, rngs=rngs)
        if what in ("init", "dtype"):
            options.pop("kernel_init" if what == "init" else "dtype")
        self.qkv = nnx.Linear(dim, 3 * num_heads * width, **options)
        self.proj = nnx.Linear(num_heads * width, dim, **options)
        self.dropout = layers.Dropout(dropout)

    return __init__


Attention_without_wide_heads = _attention_like(
    "Attention_without_wide_heads", __init__=_init_without("head_dim")
)
Attention_of_any_width = _attention_like("Attention_of_any_width", __init__=_init_without("error"))
Attention_starting_as_it_likes = _attention_like(
    "Attention_starting_as_it_likes", __init__=_init_without("init")
)
Attention_always_in_float32 = _attention_like(
    "Attention_always_in_float32", __init__=_init_without("dtype")
)


def _init_from_seed_0(
    self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
):
    options = dict(head_dim=head_dim, dropout=dropout, init=init, dtype=dtype, rngs=nnx.Rngs(0))
    Attention_interleaved.__init__(self, dim, num_heads, **options)


Attention_of_seed_0 = _attention_like("Attention_of_seed_0", __init__=_init_from_seed_0)


def over_space_padding_multiplied_by_zero(attend, cls, patches, num_frames, mask=None):
    def mean(copies):
        real = jnp.ones(copies.shape[:2], bool) if mask is None else mask
        weights = real[:, :, None].astype(copies.dtype)
        return (copies * weights).sum(1, keepdims=True) / weights.sum(1, keepdims=True)

    return _over_space(attend, cls, patches, num_frames, mean)


def over_space_with_padding_made_zero(attend, cls, patches, num_frames, mask=None):
    def mean(copies):
        where = None if mask is None else mask[:, :, None]
        return copies.mean(1, keepdims=True, where=where)

    cls, patches = _over_space(attend, cls, patches, num_frames, mean)
    if mask is not None:
        real = jnp.repeat(mask, patches.shape[1] // num_frames, axis=1)
        patches = jnp.where(real[:, :, None], patches, 0.0)
    return cls, patches


def over_space_with_nan_made_zero(attend, cls, patches, num_frames, mask=None):
    def mean(copies):
        real = jnp.ones(copies.shape[:2], bool) if mask is None else mask
        weights = real[:, :, None].astype(copies.dtype)
        return (jnp.nan_to_num(copies) * weights).sum(1, keepdims=True) / weights.sum(
            1, keepdims=True
        )

    return _over_space(attend, cls, patches, num_frames, mean)


def scaled_dot_product_of_the_type_of_the_query(query, key, value, mask=None, drop=None):
    return dot_product_of_the_package(query, key, value, mask, drop).astype(query.dtype)


# Kept from before a check puts a wrong answer in its place.
dot_product_of_the_package = attention.scaled_dot_product


# --- float32, names, rngs beside a mask, a single frame ---------------------------------
def _init_keeping_weights_in_its_dtype(
    self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
):
    if head_dim is None and dim % num_heads:
        raise errors.UserError(f"a width of {dim} does not divide into {num_heads} heads")
    self.num_heads = num_heads
    inner = num_heads * (head_dim or dim // num_heads)
    options = dict(kernel_init=init, dtype=dtype, param_dtype=dtype or jnp.float32, rngs=rngs)
    self.qkv = nnx.Linear(dim, 3 * inner, **options)
    self.proj = nnx.Linear(inner, dim, **options)
    self.dropout = layers.Dropout(dropout)


Attention_with_weights_in_its_dtype = _attention_like(
    "Attention_with_weights_in_its_dtype", __init__=_init_keeping_weights_in_its_dtype
)


def _init_with_another_name(
    self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
):
    options = dict(head_dim=head_dim, init=init, dtype=dtype, rngs=rngs)
    Attention_interleaved.__init__(self, dim, num_heads, **options)
    del self.dropout
    self.drop = layers.Dropout(dropout)


def _attend_with_another_name(self, tokens, mask=None, rngs=None):
    pattern = "b n (three head dim) -> three b n head dim"
    query, key, value = einops.rearrange(self.qkv(tokens), pattern, three=3, head=self.num_heads)
    drop = functools.partial(self.drop, rngs=rngs)
    mixed = attention.scaled_dot_product(query, key, value, mask, drop)
    return self.proj(einops.rearrange(mixed, "b n head dim -> b n (head dim)"))


Attention_with_another_name_for_dropout = _attention_like(
    "Attention_with_another_name_for_dropout",
    __init__=_init_with_another_name,
    __call__=_attend_with_another_name,
)


def _attend_dropping_without_a_mask(self, tokens, mask=None, rngs=None):
    rngs = rngs if mask is None else None
    return Attention_interleaved.__call__(self, tokens, mask, rngs)


Attention_dropping_without_a_mask_alone = _attention_like(
    "Attention_dropping_without_a_mask_alone", __call__=_attend_dropping_without_a_mask
)


def _init_refusing_what_need_not_divide(
    self, dim, num_heads, *, head_dim=None, dropout=0.0, init=layers.INIT, dtype=None, rngs
):
    if dim % num_heads:
        raise errors.UserError(f"a width of {dim} does not divide into {num_heads} heads")
    options = dict(head_dim=head_dim, dropout=dropout, init=init, dtype=dtype, rngs=rngs)
    Attention_interleaved.__init__(self, dim, num_heads, **options)


Attention_refusing_what_need_not_divide = _attention_like(
    "Attention_refusing_what_need_not_divide", __init__=_init_refusing_what_need_not_divide
)


def over_time_but_for_one_frame(attend, patches, num_frames, mask=None):
    if num_frames == 1:
        return patches
    return attention_over_time(attend, patches, num_frames, mask)


# --- what asks for the values of a mask, and so can't be compiled ------------------------
def scaled_dot_product_of_each_clip_s_real_keys(query, key, value, mask=None, drop=None):
    if mask is None:
        return _attend(query, key, value, None, drop)
    pieces = [
        _attend(one[None], keys[real][None], values[real][None], None, drop)
        for one, keys, values, real in zip(query, key, value, mask, strict=True)
    ]
    return jnp.concatenate(pieces)


def over_time_without_a_mask_that_hides_nothing(attend, patches, num_frames, mask=None):
    if mask is not None and mask.all():
        mask = None
    return own_over_time(attend, patches, num_frames, mask)


def over_space_by_the_real_frames_of_each_clip(attend, cls, patches, num_frames, mask=None):
    if mask is None:
        return own_over_space(attend, cls, patches, num_frames)
    frames = einops.rearrange(patches, "b (t s) d -> (b t) s d", t=num_frames)
    copies = jnp.repeat(cls, num_frames, axis=0)
    frames = attend(jnp.concatenate([copies, frames], axis=1))
    copies = frames[:, 0].reshape(len(cls), num_frames, -1)
    cls = jnp.stack([one[real].mean(axis=0) for one, real in zip(copies, mask, strict=True)])
    patches = einops.rearrange(frames[:, 1:], "(b t) s d -> b (t s) d", t=num_frames)
    return cls[:, None], patches


own_over_time, own_over_space = attention.over_time, attention.over_space


def scaled_dot_product_masked_where_nothing_is_dropped(query, key, value, mask=None, drop=None):
    return _attend(query, key, value, mask if drop is None else None, drop)
