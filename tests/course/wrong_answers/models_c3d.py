"""Wrong answers for the exercises of flaxvid.models.c3d."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from flax import nnx

from flaxvid.models import c3d, convnet, convolution, layers


class _C3D(nnx.Module):
    """A right one, in pieces that the wrong ones change."""

    def __init__(self, config, *, rngs):
        self.keep(config)
        config = self.seen(config)
        dtype, channels = jnp.dtype(self.dtype_of(config)), 3
        for names, filters in zip(config.stages(), config.widths, strict=True):
            for name in names:
                bias = self.has_bias(config)
                conv = convolution.Conv3D(channels, filters, bias=bias, dtype=dtype, rngs=rngs)
                setattr(self, name, conv)
                if config.batch_norm:
                    norm = convnet.batch_norm(filters, dtype=dtype, rngs=rngs)
                    setattr(self, name.replace("conv", "norm"), norm)
                channels = filters
        self.linear(config, self.features_of(config), dtype, rngs)
        self.dropout = layers.Dropout(self.share_of(config))
        if config.start == "authors":
            self.start_again(rngs)

    def keep(self, config):
        self.config = config

    def seen(self, config):
        return config

    def dtype_of(self, config):
        return config.dtype

    def has_bias(self, config):
        return not config.batch_norm

    def share_of(self, config):
        return config.dropout

    def features_of(self, config):
        return math.prod(c3d.shape_walk(config)[-4].shape)

    def linear(self, config, features, dtype, rngs):
        how = dict(kernel_init=c3d.LINEAR_INIT, rngs=rngs)
        self.fc6 = nnx.Linear(features, config.fc_dim, dtype=dtype, **how)
        self.fc7 = nnx.Linear(config.fc_dim, config.fc_dim, dtype=dtype, **how)
        self.fc8 = nnx.Linear(config.fc_dim, config.num_classes, **how)

    def start_again(self, rngs):
        c3d.start_as_the_authors(self, rngs)

    def __call__(self, inputs, mask=None, rngs=None):
        self.check(inputs)
        video = self.shown(inputs, mask)
        for number in self.numbers():
            video = self.stage(number, video)
        return self.judge(self.flat(video), rngs)

    def check(self, inputs):
        layers.check_clip(inputs, self.config.num_frames, self.config.image_size)

    def shown(self, inputs, mask):
        return inputs

    def numbers(self):
        return range(1, len(self.config.widths) + 1)

    def flat(self, video):
        return video.reshape(video.shape[0], -1)

    def judge(self, features, rngs):
        for layer in (self.fc6, self.fc7):
            features = self.dropout(jax.nn.relu(layer(features)), rngs=rngs)
        return self.fc8(features.astype(jnp.float32))

    def stage(self, number, video):
        for name in self.config.stages()[number - 1]:
            video = self.convolve(name, video)
        return self.pool(number, video)

    def convolve(self, name, video):
        video = getattr(self, name)(video)
        if self.config.batch_norm:
            video = getattr(self, name.replace("conv", "norm"))(video)
        return jax.nn.relu(video)

    def pool(self, number, video):
        return convolution.max_pool(video, *self.config.pool(number, video.shape[2]))


def _wrong(name, **changes):
    """A class of its own, as a check wants methods that the class itself defines."""
    public = {key: value for key, value in vars(_C3D).items() if not key.startswith("_")}
    methods = {"__init__": _C3D.__init__, "__call__": _C3D.__call__}
    return type(nnx.Module)(name, (_C3D,), public | methods | changes)


def _unpooled_stage(self, number, video):
    for name in self.config.stages()[number - 1]:
        video = self.convolve(name, video)
    return video


def _all_pools_at_the_end(self, inputs, mask=None, rngs=None):
    self.check(inputs)
    video = inputs
    for number in self.numbers():
        video = _unpooled_stage(self, number, video)
    for number in self.numbers():
        video = self.pool(number, video)
    return self.judge(self.flat(video), rngs)


def _linear_stage(self, number, video):
    *before, last = self.config.stages()[number - 1]
    for name in before:
        video = self.convolve(name, video)
    video = getattr(self, last)(video)
    if self.config.batch_norm:
        video = getattr(self, last.replace("conv", "norm"))(video)
    return self.pool(number, video)


def _relu_at_the_end_of_a_stage(self, number, video):
    for name in self.config.stages()[number - 1]:
        video = getattr(self, name)(video)
        if self.config.batch_norm:
            video = getattr(self, name.replace("conv", "norm"))(video)
    return self.pool(number, jax.nn.relu(video))


def _norm_behind_relu(self, name, video):
    video = jax.nn.relu(getattr(self, name)(video))
    if self.config.batch_norm:
        video = getattr(self, name.replace("conv", "norm"))(video)
    return video


def _in_a_list(self, config, *, rngs):
    _C3D.__init__(self, config, rngs=rngs)
    names = [name for stage in config.stages() for name in stage]
    self.convolutions = nnx.List([getattr(self, name) for name in names])
    for name in names:
        delattr(self, name)


def _convolve_from_a_list(self, name, video):
    names = [name for stage in self.config.stages() for name in stage]
    video = self.convolutions[names.index(name)](video)
    if self.config.batch_norm:
        video = getattr(self, name.replace("conv", "norm"))(video)
    return jax.nn.relu(video)


def _linear_layers_of_flax(self, config, features, dtype, rngs):
    self.fc6 = nnx.Linear(features, config.fc_dim, dtype=dtype, rngs=rngs)
    self.fc7 = nnx.Linear(config.fc_dim, config.fc_dim, dtype=dtype, rngs=rngs)
    self.fc8 = nnx.Linear(config.fc_dim, config.num_classes, rngs=rngs)


def _all_in_one_dtype(self, config, features, dtype, rngs):
    _C3D.linear(self, config, features, dtype, rngs)
    self.fc8.dtype = dtype


def _two_linear_layers(self, config, features, dtype, rngs):
    how = dict(kernel_init=c3d.LINEAR_INIT, rngs=rngs)
    self.fc6 = nnx.Linear(features, config.fc_dim, dtype=dtype, **how)
    self.fc8 = nnx.Linear(config.fc_dim, config.num_classes, **how)


def _judge_by_two(self, features, rngs):
    features = self.dropout(jax.nn.relu(self.fc6(features)), rngs=rngs)
    return self.fc8(features.astype(jnp.float32))


def _features_by_a_formula(self, config):
    # Not asking the walk: what pools use up is a matrix without rows.
    size, time = config.image_size, config.num_frames
    for number in range(1, len(config.widths) + 1):
        (frames, window, _), (_, sides, _) = config.pool(number, size)
        time, size = time // frames, (size + sum(sides)) // window
    return max(1, time * size * size) * config.widths[-1]


def _judge_in_its_dtype(self, features, rngs):
    for layer in (self.fc6, self.fc7):
        features = self.dropout(jax.nn.relu(layer(features)), rngs=rngs)
    return self.fc8(features).astype(features.dtype)


def _judge_with_relu(self, features, rngs):
    return jax.nn.relu(_C3D.judge(self, features, rngs))


def _drop_once(self, features, rngs):
    features = self.dropout(jax.nn.relu(self.fc6(features)), rngs=rngs)
    return self.fc8(jax.nn.relu(self.fc7(features)).astype(jnp.float32))


def _drop_alike(self, features, rngs):  # the draw of fc6 again
    features = self.dropout(jax.nn.relu(self.fc6(features)), rngs=rngs)
    kept, features = features != 0, jax.nn.relu(self.fc7(features))
    if rngs is not None:
        features = jnp.where(kept, features / (1 - self.config.dropout), 0)
    return self.fc8(features.astype(jnp.float32))


def _drop_always(self, features, rngs):
    return _C3D.judge(self, features, rngs or nnx.Rngs(0))


def _drop_never(self, features, rngs):
    return _C3D.judge(self, features, None)


def _channels_first(self, video):
    return jnp.moveaxis(video, -1, 1).reshape(video.shape[0], -1)


def _mean_of_places(self, video):
    mean = video.mean(axis=(1, 2, 3), keepdims=True)
    return jnp.broadcast_to(mean, video.shape).reshape(video.shape[0], -1)


def _padding_in_black(self, inputs, mask):
    return inputs if mask is None else inputs * mask[:, :, None, None, None]


def _pool_of_all_time(self, number, video):
    window, padding = self.config.pool(number, video.shape[2])
    return convolution.max_pool(video, (min(2, video.shape[1]), *window[1:]), padding)


def _pool_unpadded(self, number, video):
    pooled = convolution.max_pool(video, self.config.pool(number, video.shape[2])[0])
    height = c3d.shape_walk(self.config)[-4].shape[1]
    if number == len(self.config.widths) and pooled.shape[2] < height:  # so that fc6 fits
        rest = height - pooled.shape[2]
        pooled = jnp.pad(pooled, ((0, 0), (0, 0), (0, rest), (0, rest), (0, 0)))
    return pooled


def _stage_from_0(self, number, video):
    for name in self.config.stages()[number]:
        video = self.convolve(name, video)
    return self.pool(number + 1, video)


C3D_with_one_pool_at_the_end = _wrong(
    "C3D_with_one_pool_at_the_end", stage=_unpooled_stage, __call__=_all_pools_at_the_end
)
C3D_without_relu_between_stages = _wrong("C3D_without_relu_between_stages", stage=_linear_stage)
C3D_of_one_stage_less = _wrong(
    "C3D_of_one_stage_less",
    keep=lambda self, config: setattr(self, "config", config),
    numbers=lambda self: range(1, len(self.config.widths)),
)
C3D_with_its_layers_in_a_list = _wrong(
    "C3D_with_its_layers_in_a_list", __init__=_in_a_list, convolve=_convolve_from_a_list
)
C3D_with_one_fc_left_out = _wrong(
    "C3D_with_one_fc_left_out", linear=_two_linear_layers, judge=_judge_by_two
)
C3D_with_biases_and_norms = _wrong("C3D_with_biases_and_norms", has_bias=lambda self, config: True)
C3D_never_with_norms = _wrong(
    "C3D_never_with_norms",
    keep=lambda self, config: setattr(
        self, "config", dataclasses.replace(config, batch_norm=False)
    ),
    seen=lambda self, config: self.config,
)
C3D_with_a_norm_behind_relu = _wrong("C3D_with_a_norm_behind_relu", convolve=_norm_behind_relu)


class C3D_with_another_name_for_config(nnx.Module):
    def __init__(self, config, *, rngs):
        _C3D.__init__(self, config, rngs=rngs)
        del self.config
        self.settings = config

    keep, seen, dtype_of, has_bias = _C3D.keep, _C3D.seen, _C3D.dtype_of, _C3D.has_bias
    features_of, linear, flat, judge = _C3D.features_of, _C3D.linear, _C3D.flat, _C3D.judge
    share_of = _C3D.share_of

    def __call__(self, inputs, mask=None, rngs=None):
        layers.check_clip(inputs, self.settings.num_frames, self.settings.image_size)
        for number in range(1, len(self.settings.widths) + 1):
            inputs = self.stage(number, inputs)
        return self.judge(self.flat(inputs), rngs)

    def stage(self, number, video):
        for name in self.settings.stages()[number - 1]:
            video = jax.nn.relu(getattr(self, name)(video))
        return convolution.max_pool(video, *self.settings.pool(number, video.shape[2]))


C3D_starting_as_flax_does = _wrong("C3D_starting_as_flax_does", linear=_linear_layers_of_flax)
C3D_never_starting_as_the_authors = _wrong(
    "C3D_never_starting_as_the_authors", start_again=lambda self, rngs: None
)
C3D_always_in_float32 = _wrong("C3D_always_in_float32", dtype_of=lambda self, config: "float32")
C3D_with_fc8_in_its_dtype = _wrong("C3D_with_fc8_in_its_dtype", linear=_all_in_one_dtype)
C3D_counting_by_itself = _wrong("C3D_counting_by_itself", features_of=_features_by_a_formula)
C3D_with_logits_in_its_dtype = _wrong("C3D_with_logits_in_its_dtype", judge=_judge_in_its_dtype)
C3D_with_relu_on_the_logits = _wrong("C3D_with_relu_on_the_logits", judge=_judge_with_relu)
C3D_dropping_fc6_alone = _wrong("C3D_dropping_fc6_alone", judge=_drop_once)
C3D_dropping_both_alike = _wrong("C3D_dropping_both_alike", judge=_drop_alike)
C3D_dropping_in_use = _wrong("C3D_dropping_in_use", judge=_drop_always)
C3D_without_rngs = _wrong("C3D_without_rngs", judge=_drop_never)
C3D_channel_by_channel = _wrong("C3D_channel_by_channel", flat=_channels_first)
C3D_of_the_mean_of_places = _wrong("C3D_of_the_mean_of_places", flat=_mean_of_places)
C3D_with_padding_in_black = _wrong("C3D_with_padding_in_black", shown=_padding_in_black)
C3D_of_any_clip = _wrong("C3D_of_any_clip", check=lambda self, inputs: None)
C3D_with_stages_from_0 = _wrong(
    "C3D_with_stages_from_0",
    stage=_stage_from_0,
    numbers=lambda self: range(len(self.config.widths)),
)
C3D_with_relu_on_the_last_alone = _wrong(
    "C3D_with_relu_on_the_last_alone", stage=_relu_at_the_end_of_a_stage
)
C3D_pooling_time_at_once = _wrong("C3D_pooling_time_at_once", pool=_pool_of_all_time)
C3D_never_padding_a_pool = _wrong("C3D_never_padding_a_pool", pool=_pool_unpadded)
C3D_always_dropping_half = _wrong("C3D_always_dropping_half", share_of=lambda self, config: 0.5)


def _start_again_but_for_fc7(self, rngs):  # as if it were the last of those that are made
    c3d.start_as_the_authors(self, rngs)
    dim = self.config.fc_dim
    self.fc7 = nnx.Linear(dim, dim, kernel_init=c3d.LINEAR_INIT, dtype=self.fc7.dtype, rngs=rngs)


def _start_again_without_middle_biases(self, rngs):
    c3d.start_as_the_authors(self, rngs)
    for name in ("conv2a", "fc7"):
        bias = getattr(getattr(self, name, None), "bias", None)
        if bias is not None:
            bias[...] = jnp.zeros_like(bias[...])


C3D_with_fc7_made_anew = _wrong("C3D_with_fc7_made_anew", start_again=_start_again_but_for_fc7)
C3D_with_biases_set_back = _wrong(
    "C3D_with_biases_set_back", start_again=_start_again_without_middle_biases
)
