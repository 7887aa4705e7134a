"""How the authors of published weights prepared pixels, by the name of their file."""

import dataclasses
from collections.abc import Mapping

from flaxvid.recipes import zoo
from flaxvid.video import preprocess


def _kinetics(size):
    return zoo.find("timesformer", size).preprocessing


def _something(size, **changes):
    """SSv2: frames spread over the whole video, BGR, and no mirrored left and right."""
    changes = dict(stride=None, channel_order="bgr", flip=False) | changes
    return dataclasses.replace(_kinetics(size), **changes)


def _other(arch, size, num_frames, stride, crop_size, **changes):
    """Another backbone's: its preset's colours, with frames and size of one of its files."""
    shown = zoo.find(arch, size).preprocessing
    shown = shown.fitted(num_frames=num_frames, stride=stride, crop_size=crop_size)
    return dataclasses.replace(shown, **changes)


BY_NAME: Mapping[str, preprocess.Preprocessing] = {
    "TimeSformer_divST_8x32_224_K400": _kinetics("base"),
    "TimeSformer_divST_16x16_448_K400": _kinetics("hr"),
    "TimeSformer_divST_96x4_224_K400": _kinetics("large"),
    "TimeSformer_divST_8x32_224_K600": _kinetics("base"),
    "TimeSformer_divST_16x16_448_K600": _kinetics("hr"),
    "TimeSformer_divST_96x4_224_K600": _kinetics("large"),
    "TimeSformer_divST_8_224_SSv2": _something("base"),
    "TimeSformer_divST_16_448_SSv2": _something("hr"),
    "TimeSformer_divST_64_224_SSv2": _something("large", num_frames=64),
    "timesformer-base-finetuned-k400": _kinetics("base"),
    "timesformer-hr-finetuned-k400": _kinetics("hr"),
    "timesformer-base-finetuned-k600": _kinetics("base"),
    "timesformer-hr-finetuned-k600": _kinetics("hr"),
    "timesformer-base-finetuned-ssv2": _something("base"),
    "timesformer-hr-finetuned-ssv2": _something("hr"),
    "videomae-small-finetuned-kinetics": _other("videomae", "small", 16, 4, 224),
    "videomae-base-finetuned-kinetics": _other("videomae", "base", 16, 4, 224),
    "videomae-large-finetuned-kinetics": _other("videomae", "large", 16, 4, 224),
    "videomae-small-finetuned-ssv2": _other("videomae", "small", 16, None, 224, flip=False),
    "videomae-base-finetuned-ssv2": _other("videomae", "base", 16, None, 224, flip=False),
    "vivit-b-16x2-kinetics400": _other("vivit", "base", 32, 2, 224),
    "vjepa2-vitl-fpc16-256-ssv2": _other("vjepa2", "large", 16, 4, 256, flip=False),
    "vjepa2-vitl-fpc32-256-diving48": _other("vjepa2", "large", 32, 2, 256, flip=False),
    "vjepa2-vitl-fpc64-256": _other("vjepa2", "large", 64, None, 256),
    "vjepa2-vith-fpc64-256": _other("vjepa2", "huge", 64, None, 256),
    "vjepa2-vitg-fpc64-256": _other("vjepa2", "giant", 64, None, 256),
    "videoprism-base-f16r288": _other("videoprism", "base", 16, None, 288),
    "videoprism-large-f8r288": _other("videoprism", "large", 8, None, 288),
}
"""Names of the authors' files, or of their copies on the hub."""


def find(spec: str) -> preprocess.Preprocessing | None:
    """The preprocessing of a published file, told by its name; None: not one of `BY_NAME`."""
    return next((found for name, found in BY_NAME.items() if name in spec), None)
