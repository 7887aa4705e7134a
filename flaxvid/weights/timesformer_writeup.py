"""Weights of the notebook's TimeSformer: its state dict, or what Lightning saved of it.

params, report = timesformer_writeup.load(read.read(path), params)
"""

import re
from collections.abc import Mapping

import einops
import numpy as np
from jaxtyping import Float, PyTree

from flaxvid.weights import convert, read

# Lightning puts the name of the attribute before every name of the network.
PREFIX = r"(?:module\.)?(?:model\.)?"
NORMS = {
    "norm1": "norm_time",
    "norm2": "norm_space",
    "norm3": "norm_mlp",
    "mha_time.group_norm": "attn_time/group_norm",
    "mha_space.group_norm": "attn_space/group_norm",
    "mlp.layer_norm": "mlp/norm",
}
LINEARS = {
    "mha_time.qkv": "attn_time/attn/qkv",
    "mha_time.output_layer": "attn_time/attn/proj",
    "mha_space.qkv": "attn_space/attn/qkv",
    "mha_space.output_layer": "attn_space/attn/proj",
}
PROJECTION = r"(.*\.mha_\w+\.)(query|key|value)_projection(\..*)"
EMBEDDINGS = {"cls_token": "cls_token", "pos_embed_space": "space_embed"}
EMBEDDINGS |= {"pos_embed_time": "time_embed"}


def load(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh `WriteupTimeSformer`, a pure dict, from a file's arrays.

    The last layer of the head keeps its fresh value if the file's is for another number of
    classes, and the report says so. `origin` names the file in errors.

    Raises:
        WeightsError: if the file is of another model, of other clips, or holds more or less than
            it should.
    """
    here = {leaf: array.shape for leaf, array in convert.by_name(params).items()}
    last = _last_of_head(arrays, origin)
    _check(arrays, here, origin)
    rules = [
        *(convert.Rule(PREFIX + name, leaf) for name, leaf in EMBEDDINGS.items()),
        *_linear("linear", "patch_embed", patch_kernel),
        *_head_rules(last),
    ]
    block = r"encoder\.layers\.(\d+)\."
    for name, leaf in NORMS.items():
        source = PREFIX + block + re.escape(name)
        rules.append(convert.Rule(rf"{source}\.weight", rf"blocks/\1/{leaf}/scale"))
        rules.append(convert.Rule(rf"{source}\.bias", rf"blocks/\1/{leaf}/bias"))
    for name, leaf in LINEARS.items():
        rules += _linear(block + re.escape(name), rf"blocks/\1/{leaf}")
    # A GELU and a dropout stand between two linear layers of an MLP: they are numbers 0, 3, 6.
    for number in range(sum(leaf.startswith("blocks/0/mlp/layers/") for leaf in here)):
        rules += _linear(
            rf"{block}mlp\.mlp_layers\.{3 * number}", rf"blocks/\1/mlp/layers/{number}"
        )
    ignore, fresh = [], []
    head = [arrays[name].shape for name in arrays if re.fullmatch(_head(last) + r"\.bias", name)]
    if head != [here["head/bias"]]:
        ignore.append(_head(last) + r"\.(weight|bias)")
        fresh.append("head/.*")
    joined = convert.join_qkv(arrays, PROJECTION)
    return convert.convert(
        joined, params, rules, ignore=tuple(ignore), fresh=tuple(fresh), origin=origin
    )


def patch_kernel(
    kernel: Float[np.ndarray, "dim pixels"],
) -> Float[np.ndarray, "pixels dim"]:
    """The kernel over patches for the order of pixels that `layers.patchify` has.

    The notebook lays a patch out channel by channel; here the channels of a pixel stand together.
    """
    return einops.rearrange(
        kernel,
        "dim (channel height width) -> (height width channel) dim",
        channel=3,
        height=round((kernel.shape[1] / 3) ** 0.5),
    )


def _check(arrays, here, origin):
    """Refuses clips of another shape, and heads that are split otherwise."""
    for name, leaf, axis, what in (
        ("pos_embed_space", "space_embed", 2, "patches of a frame, with CLS"),
        ("pos_embed_time", "time_embed", 1, "frames"),
        ("cls_token", "cls_token", 3, "numbers of a token"),
    ):
        (theirs,) = [arrays[key].shape for key in arrays if re.fullmatch(PREFIX + name, key)] or [
            ()
        ]
        if len(theirs) == 4 and theirs[axis] != here[leaf][axis]:
            raise read.WeightsError(
                f"{origin}: was made for {theirs[axis]} {what}, and the model for "
                f"{here[leaf][axis]}; choose the model's size and its clips to match"
            )


def _last_of_head(arrays, origin):
    """The number of the head's last layer."""
    numbers = [
        int(match[1])
        for match in (re.fullmatch(_head(r"(\d+)") + r"\.weight", name) for name in arrays)
        if match
    ]
    if not numbers:
        raise read.WeightsError(
            f"{origin}: is not of the notebook's TimeSformer: its first names are "
            f"{', '.join(list(arrays)[:3])}"
        )
    return max(numbers)


def _head(number):
    return rf"{PREFIX}classification_head\.mlp_layers\.{number}"


def _head_rules(last):
    # The first layer is number 0; each of the others but the last is followed by a ReLU.
    hidden = [0, *range(1, last, 2)]
    rules = []
    for place, number in enumerate(hidden):
        rules += _linear(rf"classification_head\.mlp_layers\.{number}", f"head_hidden/{place}")
    return rules + _linear(rf"classification_head\.mlp_layers\.{last}", "head")


def _linear(source, target, transform=np.transpose):
    return [
        convert.Rule(rf"{PREFIX}{source}\.weight", f"{target}/kernel", transform),
        convert.Rule(rf"{PREFIX}{source}\.bias", f"{target}/bias"),
    ]
