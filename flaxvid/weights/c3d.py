"""C3D's weights from Sports-1M, and from those who trained it further in PyTorch.

params, report = c3d.load(read.read(path), params)
"""

import functools
import re
from collections.abc import Mapping

import einops
import numpy as np
from jaxtyping import Float, PyTree

from flaxvid.weights import convert, read

# The names here, which are those of jfzhang95's own checkpoints; those of the Sports-1M file that
# it starts from; and mmaction2's.
NAMES = {
    "conv1": ("features.0", "backbone.conv1a.conv"),
    "conv2": ("features.3", "backbone.conv2a.conv"),
    "conv3a": ("features.6", "backbone.conv3a.conv"),
    "conv3b": ("features.8", "backbone.conv3b.conv"),
    "conv4a": ("features.11", "backbone.conv4a.conv"),
    "conv4b": ("features.13", "backbone.conv4b.conv"),
    "conv5a": ("features.16", "backbone.conv5a.conv"),
    "conv5b": ("features.18", "backbone.conv5b.conv"),
    "fc6": ("classifier.0", "backbone.fc6"),
    "fc7": ("classifier.3", "backbone.fc7"),
    "fc8": ("classifier.6", "cls_head.fc_cls"),
}


def load(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh C3D `base`, a pure dict, from the arrays of a file.

    The last layer, fc8, keeps its fresh value if the file has none or one for another number of
    classes, and the report says so. No file tells how pool5 was padded, for both ways have the
    same parameters: `around` in PyTorch, `end` in Caffe; nor how its frames were prepared.
    `origin` names the file in errors.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.
    """
    here = {leaf: array.shape for leaf, array in convert.by_name(params).items()}
    channels = here["conv5b/kernel"][-1] if "conv5b/kernel" in here else None
    if channels is None or "conv1/bias" not in here:
        raise read.WeightsError(
            f"{origin}: is for a C3D of 8 convolutions without batch norm; choose the size base"
        )
    rules, shapes = _rules(channels), {}
    for name, array in arrays.items():
        shapes |= {r.target: array.shape for r in rules if re.fullmatch(r.source, name)}
    if not shapes:
        raise read.WeightsError(
            f"{origin}: is of no C3D: its first names are {', '.join(list(arrays)[:3])}"
        )
    inputs, expected = shapes.get("fc6/kernel", (0, 0))[-1], here["fc6/kernel"][0]
    if inputs not in (0, expected):
        raise read.WeightsError(
            f"{origin}: its fc6 takes {inputs} numbers, and the model's {expected}; "
            "build the model for 16 frames of 112 pixels"
        )
    ignore, fresh = [], []
    if shapes.get("fc8/bias") != here["fc8/bias"]:
        ignore.append(_pattern("fc8") + r"\.(weight|bias)")
        fresh.append("fc8/.*")
    return convert.convert(
        arrays, params, rules, ignore=tuple(ignore), fresh=tuple(fresh), origin=origin
    )


def conv_kernel(
    kernel: Float[np.ndarray, "filter channel time height width"],
) -> Float[np.ndarray, "time height width channel filter"]:
    """A kernel as PyTorch has it, in the order of axes that it has here."""
    return einops.rearrange(kernel, "filter channel t h w -> t h w channel filter")


def fc6_kernel(
    kernel: Float[np.ndarray, "dim features"], channels: int
) -> Float[np.ndarray, "features dim"]:
    """The kernel of the layer that takes in the last pool's output, all of it as one vector.

    PyTorch lays that vector out channel by channel; here the channels of a place stand together.
    A plain transpose has the right shape, and the wrong number in nearly every place.
    """
    return einops.rearrange(kernel, "dim (channel place) -> (place channel) dim", channel=channels)


def _rules(channels):
    special = {"fc6": functools.partial(fc6_kernel, channels=channels)}
    rules = []
    for name in NAMES:
        transform = special.get(name, conv_kernel if name.startswith("conv") else np.transpose)
        note = "channels moved behind places" if name == "fc6" else ""
        source = _pattern(name)
        rules.append(convert.Rule(rf"{source}\.weight", f"{name}/kernel", transform, note))
        rules.append(convert.Rule(rf"{source}\.bias", f"{name}/bias"))
    return rules


def _pattern(name):
    names = "|".join(map(re.escape, (name, *NAMES[name])))
    return rf"(?:module\.)?(?:{names})"
