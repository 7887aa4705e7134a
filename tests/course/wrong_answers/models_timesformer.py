"""Wrong answers for the exercises of flaxvid.models.timesformer."""

import functools

import einops
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention, layers, timesformer


# --- Block ------------------------------------------------------------------------------
class _Block(nnx.Module):
    """A right one, in pieces that the wrong ones change."""

    zeros = staticmethod(nnx.initializers.zeros)
    make_norm = staticmethod(layers.layer_norm)
    make_drop_path = staticmethod(layers.drop_path)
    make_fc = staticmethod(nnx.Linear)

    def __init__(
        self,
        dim,
        num_heads,
        mlp_dim,
        num_frames,
        *,
        drop_path=0.0,
        init=layers.INIT,
        dtype=None,
        rngs,
    ):
        self.num_frames = num_frames
        settings = self.settings(dict(init=init, dtype=dtype, rngs=rngs))
        norm = dict(dtype=settings["dtype"], rngs=rngs)
        self.temporal_norm1 = self.make_norm(dim, **norm)
        self.temporal_attn = attention.Attention(dim, num_heads, **settings)
        self.temporal_fc = self.make_fc(dim, dim, kernel_init=self.zeros, **norm)
        self.norm1 = self.make_norm(dim, **norm)
        self.attn = attention.Attention(dim, num_heads, **settings)
        self.norm2 = self.make_norm(dim, **norm)
        self.mlp = layers.MLP(dim, mlp_dim, **settings)
        self.drop_path = self.make_drop_path(drop_path)

    def __call__(self, tokens, mask=None, rngs=None):
        cls, patches = tokens[:, :1], tokens[:, 1:]
        cls, patches = self.mix(cls, patches, mask, rngs)
        return self.last(jnp.concatenate([cls, patches], axis=1), tokens, rngs)

    def settings(self, given):
        return given

    def mix(self, cls, patches, mask, rngs):
        patches = patches + self.over_time(patches, mask, rngs)
        in_cls, in_patches = self.over_space(cls, patches, mask, rngs)
        return cls + in_cls, patches + in_patches

    def over_time(self, patches, mask, rngs):
        def attend(rows, mask):
            rows = self.temporal_attn(self.temporal_norm1(rows), mask)
            return self.temporal_fc(self.drop_path(rows, rngs=rngs))

        return attention.over_time(attend, patches, self.num_frames, mask)

    def over_space(self, cls, patches, mask, rngs):
        def attend(rows):
            return self.drop_path(self.attn(self.norm1(rows)), rngs=rngs)

        return attention.over_space(attend, cls, patches, self.num_frames, mask)

    def last(self, tokens, before, rngs):
        del before
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)), rngs=rngs)


def _linear_in_its_dtype(inputs, outputs, *, dtype, **options):
    kept = jnp.dtype(dtype or jnp.float32)
    return nnx.Linear(inputs, outputs, dtype=dtype, param_dtype=kept, **options)


def _like(own, name, **changes):
    """A class of its own, as a check wants methods that the class itself defines."""
    public = {key: value for key, value in vars(own).items() if not key.startswith("_")}
    methods = {"__init__": own.__init__, "__call__": own.__call__}
    return type(nnx.Module)(name, (own,), public | methods | changes)


def _time_without_fc(self, patches, mask, rngs):
    def attend(rows, mask):
        return self.drop_path(self.temporal_attn(self.temporal_norm1(rows), mask), rngs=rngs)

    return attention.over_time(attend, patches, self.num_frames, mask)


def _time_dropped_behind_fc(self, patches, mask, rngs):
    def attend(rows, mask):
        rows = self.temporal_fc(self.temporal_attn(self.temporal_norm1(rows), mask))
        return self.drop_path(rows, rngs=rngs)

    return attention.over_time(attend, patches, self.num_frames, mask)


def _time_through_the_other_norm(self, patches, mask, rngs):
    def attend(rows, mask):
        rows = self.temporal_attn(self.norm1(rows), mask)
        return self.temporal_fc(self.drop_path(rows, rngs=rngs))

    return attention.over_time(attend, patches, self.num_frames, mask)


def _time_through_the_other_attention(self, patches, mask, rngs):
    def attend(rows, mask):
        rows = self.attn(self.temporal_norm1(rows), mask)
        return self.temporal_fc(self.drop_path(rows, rngs=rngs))

    return attention.over_time(attend, patches, self.num_frames, mask)


def _space_undropped(self, cls, patches, mask, rngs):
    return _Block.over_space(self, cls, patches, mask, None)


def _space_dropped_by_clips(self, cls, patches, mask, rngs):
    found = _Block.over_space(self, cls, patches, mask, None)
    found = self.drop_path(jnp.concatenate(found, axis=1), rngs=rngs)
    return found[:, :1], found[:, 1:]


def _space_without_a_mask(self, cls, patches, mask, rngs):
    return _Block.over_space(self, cls, patches, None, rngs)


def _time_without_a_mask(self, patches, mask, rngs):
    return _Block.over_time(self, patches, None, rngs)


def _space_first(self, cls, patches, mask, rngs):
    in_cls, in_patches = self.over_space(cls, patches, mask, rngs)
    patches = patches + in_patches
    return cls + in_cls, patches + self.over_time(patches, mask, rngs)


def _both_at_once(self, cls, patches, mask, rngs):  # neither hears of the other
    in_time = self.over_time(patches, mask, rngs)
    in_cls, in_patches = self.over_space(cls, patches, mask, rngs)
    return cls + in_cls, patches + in_time + in_patches


def _without_residuals(self, cls, patches, mask, rngs):
    return self.over_space(cls, self.over_time(patches, mask, rngs), mask, rngs)


def _time_is_not_added(self, cls, patches, mask, rngs):
    in_cls, in_patches = self.over_space(cls, self.over_time(patches, mask, rngs), mask, rngs)
    return cls + in_cls, patches + in_patches


def _last_of_the_first_tokens(self, tokens, before, rngs):
    return before + self.drop_path(self.mlp(self.norm2(tokens)), rngs=rngs)


def _last_without_a_norm(self, tokens, before, rngs):
    return tokens + self.drop_path(self.mlp(tokens), rngs=rngs)


def _norm_behind_the_sum(self, tokens, before, rngs):
    return self.norm2(tokens + self.drop_path(self.mlp(tokens), rngs=rngs))


def _last_undropped(self, tokens, before, rngs):
    return tokens + self.mlp(self.norm2(tokens))


def _cls_behind(self, tokens, mask=None, rngs=None):
    patches, cls = tokens[:, :-1], tokens[:, -1:]
    cls, patches = self.mix(cls, patches, mask, rngs)
    return self.last(jnp.concatenate([patches, cls], axis=1), tokens, rngs)


def _cls_left_alone(self, cls, patches, mask, rngs):  # it takes no part in either
    patches = patches + self.over_time(patches, mask, rngs)
    return cls, patches + self.over_space(cls, patches, mask, rngs)[1]


def _block(name, **changes):
    return _like(_Block, name, **changes)


Block_space_first = _block("Block_space_first", mix=_space_first)
Block_of_both_at_once = _block("Block_of_both_at_once", mix=_both_at_once)
Block_without_residuals = _block("Block_without_residuals", mix=_without_residuals)
Block_with_time_not_added = _block("Block_with_time_not_added", mix=_time_is_not_added)
Block_with_the_first_tokens_again = _block(
    "Block_with_the_first_tokens_again", last=_last_of_the_first_tokens
)
Block_with_an_mlp_without_norm = _block("Block_with_an_mlp_without_norm", last=_last_without_a_norm)
Block_with_the_norm_last = _block("Block_with_the_norm_last", last=_norm_behind_the_sum)
Block_with_one_norm_for_both = _block(
    "Block_with_one_norm_for_both", over_time=_time_through_the_other_norm
)
Block_with_one_attention_for_both = _block(
    "Block_with_one_attention_for_both", over_time=_time_through_the_other_attention
)
Block_without_temporal_fc = _block("Block_without_temporal_fc", over_time=_time_without_fc)
Block_with_temporal_fc_awake = _block("Block_with_temporal_fc_awake", zeros=layers.INIT)
Block_that_drops_behind_temporal_fc = _block(
    "Block_that_drops_behind_temporal_fc", over_time=_time_dropped_behind_fc
)
Block_that_drops_single_numbers = _block(
    "Block_that_drops_single_numbers", make_drop_path=staticmethod(layers.Dropout)
)
Block_that_drops_space_by_clips = _block(
    "Block_that_drops_space_by_clips", over_space=_space_dropped_by_clips
)


def _with_one_key(self, tokens, mask=None, rngs=None):
    class Same:
        """Gives the first key at each call."""

        def __init__(self):
            self.key = rngs.dropout()

        def __getitem__(self, name):
            return lambda: self.key

        def dropout(self):
            return self.key

    return _Block.__call__(self, tokens, mask, None if rngs is None else Same())


Block_that_never_drops_space = _block("Block_that_never_drops_space", over_space=_space_undropped)
Block_with_one_key_for_all = _block("Block_with_one_key_for_all", __call__=_with_one_key)
Block_that_never_drops_the_mlp = _block("Block_that_never_drops_the_mlp", last=_last_undropped)
Block_starting_as_it_likes = _block(
    "Block_starting_as_it_likes", settings=lambda self, given: given | dict(init=layers.INIT)
)
Block_always_in_float32 = _block(
    "Block_always_in_float32", settings=lambda self, given: given | dict(dtype=None)
)
Block_with_temporal_fc_kept_in_its_dtype = _block(
    "Block_with_temporal_fc_kept_in_its_dtype", make_fc=staticmethod(_linear_in_its_dtype)
)
Block_of_seed_0 = _block(
    "Block_of_seed_0", settings=lambda self, given: given | dict(rngs=nnx.Rngs(0))
)
Block_with_the_epsilon_of_pytorch = _block(
    "Block_with_the_epsilon_of_pytorch",
    make_norm=staticmethod(functools.partial(nnx.LayerNorm, epsilon=1e-5)),
)
Block_without_a_mask_over_time = _block(
    "Block_without_a_mask_over_time", over_time=_time_without_a_mask
)
Block_without_a_mask_over_space = _block(
    "Block_without_a_mask_over_space", over_space=_space_without_a_mask
)
Block_with_cls_behind = _block("Block_with_cls_behind", __call__=_cls_behind)
Block_with_cls_left_alone = _block("Block_with_cls_left_alone", mix=_cls_left_alone)


# --- TimeSformer ------------------------------------------------------------------------
class _Model(nnx.Module):
    """A right one, in pieces that the wrong ones change."""

    def __init__(self, config, *, rngs):
        self.refuse(config)
        self.keep(config)
        init, dtype, dim = self.init_of(config), jnp.dtype(self.dtype_of(config)), config.dim
        space = (config.image_size // config.patch_size) ** 2
        pixels = 3 * config.patch_size**2
        self.patch_embed = self.make_patch_embed(pixels, dim, dtype=dtype, rngs=rngs, init=init)
        self.cls_token = nnx.Param(init(rngs.params(), (1, 1, dim)))
        self.pos_embed = nnx.Param(init(rngs.params(), (1, space + 1, dim)))
        self.time_embed = nnx.Param(self.first_times(init, rngs, (1, config.num_frames, dim)))
        sizes = dim, config.num_heads, config.mlp_dim, config.num_frames
        settings = dict(init=init, dtype=dtype, rngs=rngs)
        self.blocks = nnx.List(
            [
                timesformer.Block(*sizes, drop_path=float(rate), **self.told(number, settings))
                for number, rate in enumerate(self.rates(config))
            ]
        )
        self.norm = layers.layer_norm(dim, rngs=rngs)
        self.head = nnx.Linear(dim, config.num_classes, kernel_init=init, rngs=rngs)

    def make_patch_embed(self, inputs, outputs, *, init, **options):
        del init
        return nnx.Linear(inputs, outputs, **options)

    def refuse(self, config):
        if config.attention != "divided":
            raise errors.UserError(f"attention {config.attention}: it is divided here")

    def keep(self, config):
        self.config = config

    def init_of(self, config):
        return config.initializer()

    def dtype_of(self, config):
        return config.dtype

    def first_times(self, init, rngs, shape):
        return jnp.zeros(shape)

    def told(self, number, given):
        return given

    def rates(self, config):
        return np.linspace(0, config.drop_path, config.depth)

    def check(self, inputs):
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)

    def cls_of(self, batch):
        return jnp.tile(self.cls_token[...] + self.pos_embed[:, :1], (batch, 1, 1))

    def places(self):
        return self.pos_embed[:, None, 1:]

    def times(self):
        return self.time_embed[:, :, None]

    def in_one_row(self, cls, patches):
        return jnp.concatenate([cls, einops.rearrange(patches, "b t s d -> b (t s) d")], axis=1)

    def embed(self, inputs):
        patches = self.patch_embed(layers.patchify(inputs, self.config.patch_size))
        patches = patches + self.places().astype(patches.dtype)
        patches = patches + self.times().astype(patches.dtype)
        return self.in_one_row(self.cls_of(len(inputs)).astype(patches.dtype), patches)

    def after_blocks(self, inputs, mask, rngs):
        self.check(inputs)
        return self.through_blocks(self.embed(inputs), mask, rngs)

    def through_blocks(self, tokens, mask, rngs):
        for block in self.blocks:
            tokens = block(tokens, mask, rngs)
        return tokens

    def __call__(self, inputs, mask=None, rngs=None):
        tokens = self.after_blocks(inputs, mask, rngs)
        return self.head(self.norm(tokens[:, 0].astype(jnp.float32)))

    def tokens(self, inputs, mask=None, rngs=None):
        patches = self.norm(self.after_blocks(inputs, mask, rngs)[:, 1:].astype(jnp.float32))
        return einops.rearrange(patches, "b (t s) d -> b t s d", t=self.config.num_frames)


def _mean_of_the_patches(self, inputs, mask=None, rngs=None):
    tokens = self.after_blocks(inputs, mask, rngs)
    return self.head(self.norm(tokens[:, 1:].mean(1).astype(jnp.float32)))


def _without_the_last_norm(self, inputs, mask=None, rngs=None):
    return self.head(self.after_blocks(inputs, mask, rngs)[:, 0].astype(jnp.float32))


def _logits_as_they_come(self, inputs, mask=None, rngs=None):
    logits = self.head(self.norm(self.after_blocks(inputs, mask, rngs)[:, 0]))
    return logits.astype(self.config.dtype)


def _rounded_behind_the_norm(self, inputs, mask=None, rngs=None):
    tokens = self.after_blocks(inputs, mask, rngs)[:, 0]
    return self.head(self.norm(tokens).astype(tokens.dtype).astype(jnp.float32))


def _without_a_mask(self, inputs, mask=None, rngs=None):
    return _Model.after_blocks(self, inputs, None, rngs)


def _without_rngs(self, inputs, mask=None, rngs=None):
    return _Model.after_blocks(self, inputs, mask, None)


def _mask_for_the_first_block(self, tokens, mask, rngs):
    for block in self.blocks:
        tokens, mask = block(tokens, mask, rngs), None
    return tokens


def _one_key_for_all_blocks(self, tokens, mask, rngs):
    key = None if rngs is None else rngs.dropout()
    for block in self.blocks:
        tokens = block(tokens, mask, None if key is None else nnx.Rngs(dropout=key))
    return tokens


def _kept_in_its_dtype(embedding):
    def __init__(self, config, *, rngs):
        _Model.__init__(self, config, rngs=rngs)
        kept = getattr(self, embedding)[...].astype(config.dtype)
        setattr(self, embedding, nnx.Param(kept))

    return __init__


def _tokens_before_the_norm(self, inputs, mask=None, rngs=None):
    patches = self.after_blocks(inputs, mask, rngs)[:, 1:].astype(jnp.float32)
    return einops.rearrange(patches, "b (t s) d -> b t s d", t=self.config.num_frames)


def _tokens_place_by_place(self, inputs, mask=None, rngs=None):
    patches = self.norm(self.after_blocks(inputs, mask, rngs)[:, 1:].astype(jnp.float32))
    patches = einops.rearrange(patches, "b (s t) d -> b t s d", t=self.config.num_frames)
    return patches


def _place_by_place(self, cls, patches):
    return jnp.concatenate([cls, einops.rearrange(patches, "b t s d -> b (s t) d")], axis=1)


def _cls_last(self, cls, patches):
    return jnp.concatenate([einops.rearrange(patches, "b t s d -> b (t s) d"), cls], axis=1)


def _keep_under_another_name(self, config):
    self.settings = config


def _check_by_the_other_name(self, inputs):
    layers.check_clip(inputs, self.settings.num_frames, self.settings.image_size)


def _embed_by_the_other_name(self, inputs):
    self.config = self.settings
    try:
        return _Model.embed(self, inputs)
    finally:
        del self.config


def _model(name, **changes):
    return _like(_Model, name, **changes)


TimeSformer_of_the_mean = _model("TimeSformer_of_the_mean", __call__=_mean_of_the_patches)
TimeSformer_without_times = _model("TimeSformer_without_times", times=lambda self: jnp.zeros(()))
TimeSformer_without_places = _model("TimeSformer_without_places", places=lambda self: jnp.zeros(()))
TimeSformer_with_time_for_place = _model(
    "TimeSformer_with_time_for_place",
    embed=lambda self, inputs: self.in_one_row(
        self.cls_of(len(inputs)),
        self.patch_embed(layers.patchify(inputs, self.config.patch_size))
        + jnp.resize(self.time_embed[...], self.pos_embed[:, 1:].shape)[:, None]
        + jnp.resize(self.pos_embed[:, 1:], self.time_embed.shape)[:, :, None],
    ),
)
TimeSformer_with_a_cls_of_no_position = _model(
    "TimeSformer_with_a_cls_of_no_position",
    cls_of=lambda self, batch: jnp.tile(self.cls_token[...], (batch, 1, 1)),
)
TimeSformer_with_the_last_position_for_cls = _model(
    "TimeSformer_with_the_last_position_for_cls",
    cls_of=lambda self, batch: jnp.tile(
        self.cls_token[...] + self.pos_embed[:, -1:], (batch, 1, 1)
    ),
    places=lambda self: self.pos_embed[:, None, :-1],
)
TimeSformer_with_another_name_for_config = _model(
    "TimeSformer_with_another_name_for_config",
    keep=_keep_under_another_name,
    check=_check_by_the_other_name,
    embed=_embed_by_the_other_name,
)
TimeSformer_starting_as_it_likes = _model(
    "TimeSformer_starting_as_it_likes", init_of=lambda self, config: layers.INIT
)
TimeSformer_with_times_awake = _model(
    "TimeSformer_with_times_awake",
    first_times=lambda self, init, rngs, shape: init(rngs.params(), shape),
)
TimeSformer_always_in_float32 = _model(
    "TimeSformer_always_in_float32", dtype_of=lambda self, config: "float32"
)
TimeSformer_with_blocks_of_seed_0 = _model(
    "TimeSformer_with_blocks_of_seed_0",
    told=lambda self, number, given: given | dict(rngs=nnx.Rngs(0)),
)
TimeSformer_with_blocks_of_their_number = _model(
    "TimeSformer_with_blocks_of_their_number",
    told=lambda self, number, given: given | dict(rngs=nnx.Rngs(number)),
)
TimeSformer_with_blocks_all_alike = _model(
    "TimeSformer_with_blocks_all_alike",
    told=lambda self, number, given: given | dict(rngs=nnx.clone(given["rngs"])),
)
TimeSformer_with_the_first_block_as_told = _model(
    "TimeSformer_with_the_first_block_as_told",
    told=lambda self, number, given: given | (dict(init=layers.INIT) if number else {}),
)
TimeSformer_with_places_in_its_dtype = _model(
    "TimeSformer_with_places_in_its_dtype", __init__=_kept_in_its_dtype("pos_embed")
)
TimeSformer_with_times_in_its_dtype = _model(
    "TimeSformer_with_times_in_its_dtype", __init__=_kept_in_its_dtype("time_embed")
)
TimeSformer_with_patches_kept_in_its_dtype = _model(
    "TimeSformer_with_patches_kept_in_its_dtype",
    make_patch_embed=lambda self, *sizes, init, **options: _linear_in_its_dtype(*sizes, **options),
)
TimeSformer_with_patches_starting_as_told = _model(
    "TimeSformer_with_patches_starting_as_told",
    make_patch_embed=lambda self, *sizes, init, **options: nnx.Linear(
        *sizes, kernel_init=init, **options
    ),
)
TimeSformer_as_deep_everywhere = _model(
    "TimeSformer_as_deep_everywhere",
    rates=lambda self, config: [config.drop_path] * config.depth,
)
TimeSformer_dropping_from_the_first_block = _model(
    "TimeSformer_dropping_from_the_first_block",
    rates=lambda self, config: np.linspace(0, config.drop_path, config.depth + 1)[1:],
)
TimeSformer_without_rngs = _model("TimeSformer_without_rngs", after_blocks=_without_rngs)
TimeSformer_with_one_key_for_all_blocks = _model(
    "TimeSformer_with_one_key_for_all_blocks", through_blocks=_one_key_for_all_blocks
)
TimeSformer_of_any_attention = _model(
    "TimeSformer_of_any_attention", refuse=lambda self, config: None
)
TimeSformer_without_the_last_norm = _model(
    "TimeSformer_without_the_last_norm", __call__=_without_the_last_norm
)
TimeSformer_with_logits_in_its_dtype = _model(
    "TimeSformer_with_logits_in_its_dtype", __call__=_logits_as_they_come
)
TimeSformer_without_a_mask = _model("TimeSformer_without_a_mask", after_blocks=_without_a_mask)
TimeSformer_with_a_mask_for_the_first_block = _model(
    "TimeSformer_with_a_mask_for_the_first_block", through_blocks=_mask_for_the_first_block
)
TimeSformer_of_any_clip = _model("TimeSformer_of_any_clip", check=lambda self, inputs: None)
TimeSformer_place_by_place = _model("TimeSformer_place_by_place", in_one_row=_place_by_place)
TimeSformer_with_cls_last = _model("TimeSformer_with_cls_last", in_one_row=_cls_last)
TimeSformer_with_tokens_before_the_norm = _model(
    "TimeSformer_with_tokens_before_the_norm", tokens=_tokens_before_the_norm
)
TimeSformer_with_tokens_place_by_place = _model(
    "TimeSformer_with_tokens_place_by_place", tokens=_tokens_place_by_place
)
TimeSformer_rounded_behind_the_norm = _model(
    "TimeSformer_rounded_behind_the_norm", __call__=_rounded_behind_the_norm
)
