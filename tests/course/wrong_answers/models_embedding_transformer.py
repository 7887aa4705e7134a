"""Wrong answers for the exercises of flaxvid.models.embedding_transformer."""

import jax.numpy as jnp
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention, embedding_inputs, embedding_transformer, layers


# --- masked_max -------------------------------------------------------------------------
def masked_max_of_everything(sequence, mask=None):  # attention had the mask: is that not enough?
    return jnp.max(sequence, axis=1)


def masked_max_with_zeros(sequence, mask=None):  # larger than every negative value
    if mask is not None:
        sequence = sequence * mask[:, :, None]
    return jnp.max(sequence, axis=1)


def masked_max_with_minus_a_thousand_million(sequence, mask=None):  # real ones may be below it
    if mask is not None:
        sequence = jnp.where(mask[:, :, None], sequence, -1e9)
    return jnp.max(sequence, axis=1)


def masked_max_turned_around(sequence, mask=None):
    if mask is not None:
        sequence = jnp.where(mask[:, :, None], -jnp.inf, sequence)
    return jnp.max(sequence, axis=1)


def masked_max_over_the_features(sequence, mask=None):
    if mask is not None:
        sequence = jnp.where(mask[:, :, None], sequence, -jnp.inf)
    return jnp.max(sequence, axis=2)


def masked_max_that_is_a_mean(sequence, mask=None):
    return jnp.mean(sequence, axis=1, where=None if mask is None else mask[:, :, None])


def masked_max_without_frames_of_zeros(sequence, mask=None):  # where there is no mask
    mask = jnp.any(sequence != 0, axis=2) if mask is None else mask
    return jnp.max(jnp.where(mask[:, :, None], sequence, -jnp.inf), axis=1)


def masked_max_of_the_first_frames(sequence, mask=None):  # as many as there are
    if mask is None:
        return jnp.max(sequence, axis=1)
    first = jnp.arange(mask.shape[1]) < jnp.sum(mask, axis=1, keepdims=True)
    return jnp.max(jnp.where(first[:, :, None], sequence, -jnp.inf), axis=1)


def masked_max_without_nan(sequence, mask=None):  # of real frames, too
    mask = jnp.ones(sequence.shape[:2], bool) if mask is None else mask
    return jnp.nanmax(jnp.where(mask[:, :, None], sequence, jnp.nan), axis=1)


# --- EncoderBlock -----------------------------------------------------------------------
class EncoderBlock_with_norm_first(nnx.Module):  # as in a ViT
    def __init__(self, dim, num_heads, dense_dim, *, attention_dropout=0.0, rngs):
        init, epsilon = nnx.initializers.xavier_uniform(), embedding_transformer.EPSILON
        self.attn = attention.Attention(
            dim, num_heads, dropout=attention_dropout, init=init, rngs=rngs
        )
        self.norm1 = layers.layer_norm(dim, epsilon=epsilon, rngs=rngs)
        self.mlp = layers.MLP(dim, dense_dim, init=init, rngs=rngs)
        self.norm2 = layers.layer_norm(dim, epsilon=epsilon, rngs=rngs)

    def mix(self, tokens, mask, rngs):
        tokens = tokens + self.attn(self.norm1(tokens), mask, rngs)
        return tokens + self.mlp(self.norm2(tokens))

    def __call__(self, tokens, mask=None, rngs=None):
        return self.mix(tokens, mask, rngs)


def _block_like(name, mix):
    """A class of its own, as a check wants methods that the class itself defines."""
    own = EncoderBlock_with_norm_first
    methods = {"__init__": own.__init__, "__call__": own.__call__, "mix": mix}
    return type(nnx.Module)(name, (own,), methods)


def _without_residuals(self, tokens, mask, rngs):
    return self.norm2(self.mlp(self.norm1(self.attn(tokens, mask, rngs))))


def _without_a_mask(self, tokens, mask, rngs):
    tokens = self.norm1(tokens + self.attn(tokens, None, rngs))
    return self.norm2(tokens + self.mlp(tokens))


def _mlp_dropped(self, tokens, mask, rngs):
    tokens = self.norm1(tokens + self.attn(tokens, mask, rngs))
    dense = self.attn.dropout(self.mlp(tokens), rngs=rngs)  # by the share of the attention
    return self.norm2(tokens + dense)


def _without_rngs(self, tokens, mask, rngs):
    tokens = self.norm1(tokens + self.attn(tokens, mask))
    return self.norm2(tokens + self.mlp(tokens))


def _with_the_first_inputs_again(self, tokens, mask, rngs):
    attended = self.norm1(tokens + self.attn(tokens, mask, rngs))
    return self.norm2(tokens + self.mlp(attended))


def _with_norms_of_branches(self, tokens, mask, rngs):
    tokens = tokens + self.norm1(self.attn(tokens, mask, rngs))
    return tokens + self.norm2(self.mlp(tokens))


class EncoderBlock_always_dropping_half(nnx.Module):  # whatever share it is told
    def __init__(self, dim, num_heads, dense_dim, *, attention_dropout=0.0, rngs):
        init, epsilon = nnx.initializers.xavier_uniform(), embedding_transformer.EPSILON
        self.attn = attention.Attention(dim, num_heads, dropout=0.5, init=init, rngs=rngs)
        self.norm1 = layers.layer_norm(dim, epsilon=epsilon, rngs=rngs)
        self.mlp = layers.MLP(dim, dense_dim, init=init, rngs=rngs)
        self.norm2 = layers.layer_norm(dim, epsilon=epsilon, rngs=rngs)

    def __call__(self, tokens, mask=None, rngs=None):
        tokens = self.norm1(tokens + self.attn(tokens, mask, rngs))
        return self.norm2(tokens + self.mlp(tokens))


EncoderBlock_without_residuals = _block_like("EncoderBlock_without_residuals", _without_residuals)
EncoderBlock_without_a_mask = _block_like("EncoderBlock_without_a_mask", _without_a_mask)
EncoderBlock_dropping_the_mlp = _block_like("EncoderBlock_dropping_the_mlp", _mlp_dropped)
EncoderBlock_without_rngs = _block_like("EncoderBlock_without_rngs", _without_rngs)
EncoderBlock_with_the_first_inputs_again = _block_like(
    "EncoderBlock_with_the_first_inputs_again", _with_the_first_inputs_again
)
EncoderBlock_with_norms_of_branches = _block_like(
    "EncoderBlock_with_norms_of_branches", _with_norms_of_branches
)


def masked_max_by_subtraction(sequence, mask=None):  # NaN and infinity get through
    if mask is not None:
        sequence = sequence - 1e9 * (1.0 - mask[:, :, None])
    return jnp.max(sequence, axis=1)


def masked_max_always_masked(sequence, mask=None):
    mask = jnp.any(sequence != 0, axis=-1) if mask is None else mask
    return jnp.max(jnp.where(mask[:, :, None], sequence, 0.0), axis=1)


def masked_max_above_minus_a_thousand(sequence, mask=None):  # features may be smaller
    if mask is not None:
        sequence = jnp.where(mask[:, :, None], sequence, -1e3)
    return jnp.max(sequence, axis=1)


# --- EmbeddingTransformer ---------------------------------------------------------------
class _Model(nnx.Module):
    """A right one, in pieces that the wrong ones change."""

    def __init__(self, config, *, rngs):
        self.keep(config)
        dim = config.dim or config.embedding_dim
        self.projection(config, dim, rngs)
        self.prepare = embedding_inputs.EmbeddingInputs(
            config.embedding_dim, config.center, config.standardise, self.input_dropout(config)
        )
        positions = config.num_frames + self.extra(config)
        self.position_embed = nnx.Param(self.places(config, rngs, (positions, dim)))
        self.blocks = nnx.List([self.block(config, dim, rngs) for _ in range(self.depth(config))])
        self.dropout = layers.Dropout(self.last_dropout(config))
        self.head = nnx.Linear(dim, config.num_classes, rngs=rngs)

    def keep(self, config):
        self.config = config

    def projection(self, config, dim, rngs):
        if config.dim is not None:
            self.project = layers.Linear(config.embedding_dim, dim, rngs=rngs)

    def input_dropout(self, config):
        return config.input_dropout

    def attention_dropout(self, config):
        return config.attention_dropout

    def last_dropout(self, config):
        return config.dropout

    def extra(self, config):
        return embedding_inputs.extra_tokens(config.center)

    def places(self, config, rngs, shape):
        return nnx.initializers.truncated_normal(config.position_std)(rngs.params(), shape)

    def depth(self, config):
        return config.depth

    def block(self, config, dim, rngs):
        return embedding_transformer.EncoderBlock(
            dim,
            config.num_heads,
            config.dense_dim,
            attention_dropout=self.attention_dropout(config),
            rngs=rngs,
        )

    def __call__(self, inputs, mask=None, rngs=None):
        tokens, seen = self.ready(inputs, mask, rngs)
        tokens = self.narrowed(tokens)
        tokens = self.add_positions(tokens)
        tokens = self.through(tokens, self.of_blocks(mask, seen), rngs)
        pooled = self.pooled(tokens, self.of_max(mask, seen))
        return self.head(self.dropout(pooled, rngs=rngs))

    def ready(self, inputs, mask, rngs):
        return self.prepare(inputs, mask, rngs)

    def narrowed(self, tokens):
        return tokens if self.config.dim is None else self.project(tokens)

    def of_blocks(self, mask, seen):
        return seen

    def of_max(self, mask, seen):
        return seen

    def through(self, tokens, mask, rngs):
        for block in self.blocks:
            tokens = block(tokens, mask, rngs)
        return tokens

    def pooled(self, tokens, mask):
        return embedding_transformer.masked_max(tokens, mask)

    def add_positions(self, tokens):
        time, positions = tokens.shape[1], len(self.position_embed)
        if time > positions:
            raise errors.UserError(f"{time} tokens, and {positions} positions: set num_frames")
        return tokens + self.position_embed[None, :time]


def _model(name, **changes):
    """A class of its own, as a check wants methods that the class itself defines."""
    public = {key: value for key, value in vars(_Model).items() if not key.startswith("_")}
    methods = {"__init__": _Model.__init__, "__call__": _Model.__call__}
    return type(nnx.Module)(name, (_Model,), public | methods | changes)


def _unprepared(self, inputs, mask, rngs):
    extra = embedding_inputs.extra_tokens(self.config.center)
    inputs = jnp.pad(inputs, ((0, 0), (extra, 0), (0, 0)))
    if mask is not None:
        mask = jnp.pad(mask, ((0, 0), (extra, 0)), constant_values=True)
    return inputs, mask


def _mean(self, tokens, mask):
    return jnp.mean(tokens, axis=1, where=None if mask is None else mask[:, :, None])


def _told_late(self, inputs, mask=None, rngs=None):
    tokens, mask = self.prepare(inputs, mask, rngs)
    tokens = self.through(self.narrowed(tokens), mask, rngs)
    pooled = self.pooled(self.add_positions(tokens), mask)
    return self.head(self.dropout(pooled, rngs=rngs))


def _one_key(self, tokens, mask, rngs):
    key = None if rngs is None else rngs.dropout()
    for block in self.blocks:
        tokens = block(tokens, mask, None if key is None else nnx.Rngs(dropout=key))
    return tokens


def _always_projecting(self, config, dim, rngs):
    self.project = layers.Linear(config.embedding_dim, dim, rngs=rngs)


def _one_block(self, config, *, rngs):
    _Model.__init__(self, config, rngs=rngs)
    self.blocks = nnx.List(self.blocks[:1])


def _one_block_again_and_again(self, tokens, mask, rngs):
    for _ in range(self.config.depth):
        tokens = self.blocks[0](tokens, mask, rngs)
    return tokens


def _batch_of_places(self, config, rngs, shape):
    return _Model.places(self, config, rngs, (1, *shape))


def _added_from_a_batch(self, tokens):
    if tokens.shape[1] > self.position_embed.shape[1]:
        raise errors.UserError("too long: set num_frames")
    return tokens + self.position_embed[:, : tokens.shape[1]]


def _positions_for_frames_alone(self, tokens):
    extra = tokens.shape[1] - len(self.position_embed)
    if extra > embedding_inputs.extra_tokens(self.config.center):
        raise errors.UserError("too long: set num_frames")
    places = jnp.pad(self.position_embed[...], ((max(0, extra), 0), (0, 0)))
    return tokens + places[None, : tokens.shape[1]]


def _without_places(self, tokens):
    if tokens.shape[1] > len(self.position_embed):
        raise errors.UserError("too long: set num_frames")
    return tokens + 0 * self.position_embed[None, : tokens.shape[1]]


def _uncut(self, config, rngs, shape):
    return nnx.initializers.normal(config.position_std)(rngs.params(), shape)


def _as_many_as_there_are(self, tokens):
    time = tokens.shape[1]
    rows = jnp.minimum(jnp.arange(time), len(self.position_embed) - 1)
    return tokens + self.position_embed[...][rows][None]


def _cut(self, tokens):
    tokens = tokens[:, : len(self.position_embed)]
    return tokens + self.position_embed[None, : tokens.shape[1]]


def _from_the_end(self, tokens):
    if tokens.shape[1] > len(self.position_embed):
        raise errors.UserError("too long: set num_frames")
    return tokens + self.position_embed[None, len(self.position_embed) - tokens.shape[1] :]


def _multiplied(self, tokens):
    if tokens.shape[1] > len(self.position_embed):
        raise errors.UserError("too long: set num_frames")
    return tokens * self.position_embed[None, : tokens.shape[1]]


def _projection_to_another_width(self, config, dim, rngs):
    if dim != config.embedding_dim:
        self.project = layers.Linear(config.embedding_dim, dim, rngs=rngs)


def _first_mask_again(self, mask, seen):
    if mask is None or seen.shape[1] == mask.shape[1]:
        return seen
    return jnp.pad(mask, ((0, 0), (0, 1)))  # so that it fits: at the wrong end


EmbeddingTransformer_unprepared = _model("EmbeddingTransformer_unprepared", ready=_unprepared)
EmbeddingTransformer_of_the_mean = _model("EmbeddingTransformer_of_the_mean", pooled=_mean)
EmbeddingTransformer_of_its_first_block = _model(
    "EmbeddingTransformer_of_its_first_block",
    through=lambda self, tokens, mask, rngs: self.blocks[0](tokens, mask, rngs),
)
EmbeddingTransformer_dropping_alike_in_every_block = _model(
    "EmbeddingTransformer_dropping_alike_in_every_block", through=_one_key
)
EmbeddingTransformer_told_behind_the_blocks = _model(
    "EmbeddingTransformer_told_behind_the_blocks", __call__=_told_late
)
EmbeddingTransformer_without_places = _model(
    "EmbeddingTransformer_without_places", add_positions=_without_places
)
EmbeddingTransformer_always_projecting = _model(
    "EmbeddingTransformer_always_projecting",
    projection=_always_projecting,
    narrowed=lambda self, tokens: self.project(tokens),
)
EmbeddingTransformer_with_one_block_for_all = _model(
    "EmbeddingTransformer_with_one_block_for_all",
    __init__=_one_block,
    through=_one_block_again_and_again,
)
EmbeddingTransformer_with_a_batch_of_positions = _model(
    "EmbeddingTransformer_with_a_batch_of_positions",
    places=_batch_of_places,
    add_positions=_added_from_a_batch,
)
EmbeddingTransformer_with_positions_for_frames_alone = _model(
    "EmbeddingTransformer_with_positions_for_frames_alone",
    extra=lambda self, config: 0,
    add_positions=_positions_for_frames_alone,
)


class EmbeddingTransformer_with_another_name_for_config(nnx.Module):
    def __init__(self, config, *, rngs):
        _Model.__init__(self, config, rngs=rngs)
        del self.config
        self.settings = config

    keep, projection, input_dropout = _Model.keep, _Model.projection, _Model.input_dropout
    attention_dropout, last_dropout = _Model.attention_dropout, _Model.last_dropout
    extra, places, depth, block = _Model.extra, _Model.places, _Model.depth, _Model.block
    add_positions = _Model.add_positions

    def __call__(self, inputs, mask=None, rngs=None):
        tokens, mask = self.prepare(inputs, mask, rngs)
        tokens = tokens if self.settings.dim is None else self.project(tokens)
        tokens = _Model.through(self, self.add_positions(tokens), mask, rngs)
        pooled = embedding_transformer.masked_max(tokens, mask)
        return self.head(self.dropout(pooled, rngs=rngs))


EmbeddingTransformer_with_places_at_zero = _model(
    "EmbeddingTransformer_with_places_at_zero",
    places=lambda self, config, rngs, shape: jnp.zeros(shape),
)
EmbeddingTransformer_with_small_places = _model(
    "EmbeddingTransformer_with_small_places",
    places=lambda self, config, rngs, shape: layers.INIT(rngs.params(), shape),
)
EmbeddingTransformer_with_uncut_places = _model(
    "EmbeddingTransformer_with_uncut_places", places=_uncut
)
EmbeddingTransformer_without_a_mask_in_blocks = _model(
    "EmbeddingTransformer_without_a_mask_in_blocks", of_blocks=lambda self, mask, seen: None
)
EmbeddingTransformer_without_a_mask_in_the_max = _model(
    "EmbeddingTransformer_without_a_mask_in_the_max", of_max=lambda self, mask, seen: None
)
EmbeddingTransformer_with_the_first_mask = _model(
    "EmbeddingTransformer_with_the_first_mask",
    of_blocks=_first_mask_again,
    of_max=_first_mask_again,
)
EmbeddingTransformer_projecting_if_it_must = _model(
    "EmbeddingTransformer_projecting_if_it_must",
    projection=_projection_to_another_width,
    narrowed=lambda self, tokens: self.project(tokens) if hasattr(self, "project") else tokens,
)
EmbeddingTransformer_dropping_no_inputs = _model(
    "EmbeddingTransformer_dropping_no_inputs", input_dropout=lambda self, config: 0.0
)
EmbeddingTransformer_dropping_no_attention = _model(
    "EmbeddingTransformer_dropping_no_attention", attention_dropout=lambda self, config: 0.0
)
EmbeddingTransformer_dropping_nothing_before_the_head = _model(
    "EmbeddingTransformer_dropping_nothing_before_the_head", last_dropout=lambda self, config: 0.0
)
EmbeddingTransformer_always_dropping_half = _model(
    "EmbeddingTransformer_always_dropping_half", last_dropout=lambda self, config: 0.5
)
EmbeddingTransformer_of_any_length = _model(
    "EmbeddingTransformer_of_any_length", add_positions=_as_many_as_there_are
)
EmbeddingTransformer_cutting_what_is_too_long = _model(
    "EmbeddingTransformer_cutting_what_is_too_long",
    ready=lambda self, inputs, mask, rngs: self.prepare(
        inputs[:, : self.config.num_frames],
        None if mask is None else mask[:, : self.config.num_frames],
        rngs,
    ),
    add_positions=_cut,
)
EmbeddingTransformer_with_places_from_the_end = _model(
    "EmbeddingTransformer_with_places_from_the_end", add_positions=_from_the_end
)
EmbeddingTransformer_multiplying_by_places = _model(
    "EmbeddingTransformer_multiplying_by_places", add_positions=_multiplied
)


def _with_swapped_norms(self, tokens, mask, rngs):
    tokens = self.norm2(tokens + self.attn(tokens, mask, rngs))
    return self.norm1(tokens + self.mlp(tokens))


def _dropped_before_the_max(self, inputs, mask=None, rngs=None):
    tokens, seen = self.ready(inputs, mask, rngs)
    tokens = self.through(self.add_positions(self.narrowed(tokens)), seen, rngs)
    return self.head(self.pooled(self.dropout(tokens, rngs=rngs), seen))


def _of_one_head(self, config, dim, rngs):
    dropout = self.attention_dropout(config)
    return embedding_transformer.EncoderBlock(
        dim, 1, config.dense_dim, attention_dropout=dropout, rngs=rngs
    )


def _never_centred(self, config, *, rngs):
    _Model.__init__(self, config, rngs=rngs)
    self.prepare = embedding_inputs.EmbeddingInputs(
        config.embedding_dim, "none", config.standardise, config.input_dropout
    )


EncoderBlock_with_swapped_norms = _block_like(
    "EncoderBlock_with_swapped_norms", _with_swapped_norms
)
EmbeddingTransformer_dropping_before_the_max = _model(
    "EmbeddingTransformer_dropping_before_the_max", __call__=_dropped_before_the_max
)
EmbeddingTransformer_of_one_head = _model("EmbeddingTransformer_of_one_head", block=_of_one_head)
EmbeddingTransformer_never_centred = _model(
    "EmbeddingTransformer_never_centred", __init__=_never_centred
)


def masked_max_of_each_clip_s_real_frames(sequence, mask=None):  # which can't be compiled
    if mask is None:
        return sequence.max(axis=1)
    return jnp.stack([one[real].max(axis=0) for one, real in zip(sequence, mask, strict=True)])
