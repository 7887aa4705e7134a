"""Every architecture by name: its sizes, what it eats, how its pixels are prepared, its recipe.

model = zoo.create("timesformer", size="base", num_classes=101, rngs=nnx.Rngs(0))
"""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from typing import Any, Literal

from flax import nnx

from flaxvid import errors
from flaxvid.models import (
    bilstm,
    c3d,
    embedding_transformer,
    encoder,
    end_to_end,
    timesformer,
    timesformer_writeup,
)
from flaxvid.video import transform

MEAN_045 = dict(mean=(0.45,) * 3, std=(0.225,) * 3)  # TimeSformer and most Kinetics models
IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))  # torchvision's networks


@dataclasses.dataclass(frozen=True)
class Size:
    """One preset of an architecture."""

    config: Callable[..., Any]
    """`config(num_classes=..., **overrides)` gives the frozen config."""
    module: Callable[..., nnx.Module]
    """`module(config, rngs=...)` gives the model."""
    preprocessing: transform.Preprocessing
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Fields of `training.config.Recipe`, and `batch_size`, where they differ from its defaults."""


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A family of models and its presets; `tiny` is made for a laptop, `base` is published."""

    sizes: Mapping[str, Size]
    inputs: Literal["video", "embedding"] = "video"


def _small(**changes):
    """Preprocessing for the motion videos: 32 pixels, no crop to lose the sprite in, no flip."""
    small = dict(num_frames=8, crop_size=32, resize=32, jitter=None, flip=False)
    return transform.Preprocessing(**small | MEAN_045 | changes)


def _kinetics(num_frames, stride, crop_size):
    """Short side jittered in 256-320 at 224 pixels, and in proportion at other sizes."""
    low, high = round(crop_size * 256 / 224), round(crop_size * 320 / 224)
    return transform.Preprocessing(
        num_frames=num_frames,
        stride=stride,
        crop_size=crop_size,
        resize=crop_size,
        jitter=(low, high),
        flip=True,
        **MEAN_045,
    )


def _frames(num_frames, size):
    """Frames for an encoder, which prepares their pixels its own way: only these two count."""
    return transform.Preprocessing(num_frames=num_frames, crop_size=size, resize=size)


# The authors' training: SGD 0.005, x0.1 at epochs 11 and 14 of 15, decay 1e-4.
_TIMESFORMER_RECIPE = dict(
    optimizer="sgd",
    learning_rate=0.005,
    epochs=15.0,
    schedule="step",
    milestones=(11 / 15, 14 / 15),
    weight_decay=1e-4,
    clip_norm=None,
    batch_size=8,
)

# ActionBERT's training of models over embeddings: Adam at 1e-4, no schedule, no decay, no clipping.
_ADAM = dict(
    optimizer="adam",
    learning_rate=1e-4,
    epochs=300.0,
    schedule="constant",
    weight_decay=0.0,
    clip_norm=None,
    batch_size=256,
)
_ACTIONBERT = dict(encoder="resnet18", **_ADAM)
_ON_EMBEDDINGS = dict(steps=1000, learning_rate=1e-3, batch_size=32)
# ActionBERT leaves training from pixels open: fewer clips a step, as their frames must fit too.
_FROM_PIXELS = _ADAM | dict(batch_size=16, epochs=30.0)
# Frames spread over the whole video, their pixels as ResNet18 knows them.
_WHOLE_VIDEO = dataclasses.replace(_kinetics(8, None, 224), **IMAGENET)

# jfzhang95/pytorch-video-recognition: x0.1 every 10 of 100 epochs, the last layer 10 times as fast.
_C3D_RECIPE = dict(
    optimizer="sgd",
    learning_rate=1e-3,
    momentum=0.9,
    epochs=100.0,
    schedule="step",
    milestones=tuple(tenth / 10 for tenth in range(1, 10)),
    weight_decay=5e-4,
    clip_norm=None,
    rate_factors=("^fc8/=10",),
    batch_size=20,
)
# mmaction2's c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb: x0.1 at epochs 20 and 40 of 45.
_C3D_MMACTION2_RECIPE = _C3D_RECIPE | dict(
    epochs=45.0, milestones=(20 / 45, 40 / 45), clip_norm=40.0, rate_factors=(), batch_size=30
)


def _sports1m(**changes):
    """C3D's: 16 frames one after the other, 112 pixels; pixels less the mean, and not scaled."""
    unscaled = dict(num_frames=16, stride=1, crop_size=112, flip=True, scale=1.0, std=(1.0,) * 3)
    return transform.Preprocessing(**unscaled | changes)


_C3D, _C3DConfig = c3d.C3D, c3d.C3DConfig
_TimeSformer, _TimeSformerConfig = timesformer.TimeSformer, timesformer.TimeSformerConfig
_WriteupTimeSformer = timesformer_writeup.WriteupTimeSformer
_BiLSTMConfig, _BertConfig = bilstm.BiLSTMConfig, encoder.BertConfig
_EmbeddingTransformer = embedding_transformer.EmbeddingTransformer
_EmbeddingTransformerConfig = embedding_transformer.EmbeddingTransformerConfig

ARCHITECTURES: Mapping[str, Architecture] = {
    "c3d": Architecture(
        sizes={
            "tiny": Size(
                _C3DConfig.tiny,
                _C3D,
                _small(),
                dict(steps=500, learning_rate=1e-3, batch_size=16),
            ),
            "base": Size(
                _C3DConfig.base,
                _C3D,
                _sports1m(resize=(128, 171), channel_order="bgr", mean=(90.0, 98.0, 102.0)),
                _C3D_RECIPE,
            ),
            # The same model, trained and fed as mmaction2 does: its frames are RGB.
            "mmaction2": Size(
                _C3DConfig.base,
                _C3D,
                _sports1m(resize=128, mean=(104.0, 117.0, 128.0)),
                _C3D_MMACTION2_RECIPE,
            ),
        }
    ),
    "timesformer": Architecture(
        sizes={
            "tiny": Size(
                _TimeSformerConfig.tiny,
                _TimeSformer,
                _small(),
                dict(
                    steps=1600,
                    learning_rate=1e-3,
                    # Time embeddings start at zero, behind a layer that does too: at the common
                    # rate the model takes half as long again to see that order matters.
                    rate_factors=("(time|pos)_embed=10",),
                    batch_size=16,
                ),
            ),
            "base": Size(
                _TimeSformerConfig.base, _TimeSformer, _kinetics(8, 32, 224), _TIMESFORMER_RECIPE
            ),
            "hr": Size(
                _TimeSformerConfig.hr, _TimeSformer, _kinetics(16, 16, 448), _TIMESFORMER_RECIPE
            ),
            "large": Size(
                _TimeSformerConfig.large, _TimeSformer, _kinetics(96, 4, 224), _TIMESFORMER_RECIPE
            ),
            "writeup": Size(
                timesformer_writeup.WriteupConfig,
                _WriteupTimeSformer,
                transform.Preprocessing(
                    num_frames=8, crop_size=224, resize=(224, 224), mean=(0.0,) * 3, std=(1.0,) * 3
                ),
                dict(optimizer="adamw", learning_rate=1e-4, weight_decay=0.01, batch_size=8),
            ),
        }
    ),
    "embedding_transformer": Architecture(
        inputs="embedding",
        sizes={
            "tiny": Size(
                _EmbeddingTransformerConfig.tiny,
                _EmbeddingTransformer,
                _frames(num_frames=8, size=112),
                dict(steps=2000, learning_rate=5e-4, batch_size=32),
            ),
            "writeup": Size(
                _EmbeddingTransformerConfig.writeup,
                _EmbeddingTransformer,
                _frames(num_frames=20, size=224),
                dict(
                    encoder="densenet121",
                    optimizer="adam",
                    learning_rate=1e-4,
                    schedule="constant",
                    weight_decay=0.0,
                    clip_norm=None,
                    epochs=50.0,
                    batch_size=32,
                ),
            ),
        },
    ),
    "bilstm": Architecture(
        inputs="embedding",
        sizes={
            "tiny": Size(_BiLSTMConfig.tiny, bilstm.BiLSTM, _frames(8, 112), _ON_EMBEDDINGS),
            "base": Size(_BiLSTMConfig.base, bilstm.BiLSTM, _frames(20, 224), _ACTIONBERT),
        },
    ),
    "bert": Architecture(
        inputs="embedding",
        sizes={
            "tiny": Size(_BertConfig.tiny, encoder.Bert, _frames(8, 112), _ON_EMBEDDINGS),
            "base": Size(_BertConfig.base, encoder.Bert, _frames(20, 224), _ACTIONBERT),
        },
    ),
    "roberta": Architecture(
        inputs="embedding",
        sizes={
            "tiny": Size(_BertConfig.roberta_tiny, encoder.Bert, _frames(8, 112), _ON_EMBEDDINGS),
            "base": Size(_BertConfig.roberta_base, encoder.Bert, _frames(20, 224), _ACTIONBERT),
        },
    ),
    "conv_lstm": Architecture(
        sizes={
            "tiny": Size(
                end_to_end.ConvLSTMConfig,
                end_to_end.conv_lstm,
                _small(),
                dict(steps=500, learning_rate=2e-3, batch_size=32),
            ),
            "base": Size(
                end_to_end.ConvLSTMConfig.base,
                end_to_end.conv_lstm,
                _WHOLE_VIDEO,
                _FROM_PIXELS,
            ),
        }
    ),
    "conv_transformer": Architecture(
        sizes={
            "tiny": Size(
                end_to_end.ConvTransformerConfig,
                end_to_end.conv_transformer,
                _small(),
                dict(steps=500, learning_rate=1e-3, batch_size=32),
            ),
            "base": Size(
                end_to_end.ConvTransformerConfig.base,
                end_to_end.conv_transformer,
                _WHOLE_VIDEO,
                _FROM_PIXELS,
            ),
        }
    ),
}


def find(name: str, size: str = "tiny") -> Size:
    """The preset `size` of the architecture `name`.

    Raises:
        UserError: for an unknown name or size, with those there are and the nearest one.
    """
    if name not in ARCHITECTURES:
        raise errors.UserError(f"--arch {name!r}: {_unknown(name, ARCHITECTURES)}")
    sizes = ARCHITECTURES[name].sizes
    if size not in sizes:
        raise errors.UserError(f"--size {size!r} of {name}: {_unknown(size, sizes)}")
    return sizes[size]


def _unknown(name, known):
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}there are {', '.join(known)}"


def create(
    name: str, *, size: str = "tiny", num_classes: int, rngs: nnx.Rngs, **overrides
) -> nnx.Module:
    """A fresh model: architecture, preset, classes, and any field of its config.

    Raises:
        UserError: for an unknown architecture, size or field, or a config that does not fit.
    """
    preset = find(name, size)
    return preset.module(configure(name, size, num_classes=num_classes, **overrides), rngs=rngs)


def configure(name: str, size: str = "tiny", **overrides):
    """The config of a preset with some fields replaced.

    Raises:
        UserError: for an unknown architecture, size or field.
    """
    preset = find(name, size)
    try:
        return preset.config(**overrides)
    except TypeError:
        fields = [f.name for f in dataclasses.fields(preset.config(num_classes=1))]
        wrong = next(field for field in overrides if field not in fields)
        raise errors.UserError(
            f"{name} {size} has no field {wrong!r}: {_unknown(wrong, fields)}"
        ) from None
