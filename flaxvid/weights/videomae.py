"""VideoMAE's weights from Transformers' files, of fine-tuned models and of pretrained ones.

params, report = videomae.load(read.read(path), params)
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import PyTree

from flaxvid.weights import convert, read, rules

LAYER = r"(?:videomae\.)?encoder\.layer\.(\d+)\."
TELLING = LAYER + r"attention\.attention\.q_bias|" + LAYER + r"attention\.attention\.query\.bias"
# Of pretraining: the decoder, the mask token, and the norm that it put behind the encoder.
UNUSED = (
    r"(decoder|encoder_to_decoder)\..*",
    r"mask_token",
    r"(videomae\.)?layernorm\.(weight|bias)",
)
RULES = [
    *rules.tubelets(r"(?:videomae\.)?embeddings\.patch_embeddings\.projection", "patch_embed"),
    convert.Rule(
        LAYER + r"attention\.attention\.qkv\.weight",
        r"blocks/\1/attn/qkv/linear/kernel",
        np.transpose,
    ),
    convert.Rule(LAYER + r"attention\.attention\.q(?:uery\.|_)bias", r"blocks/\1/attn/qkv/q_bias"),
    convert.Rule(LAYER + r"attention\.attention\.v(?:alue\.|_)bias", r"blocks/\1/attn/qkv/v_bias"),
    *rules.linear(LAYER + r"attention\.output\.dense", r"blocks/\1/attn/proj"),
    *rules.norm(LAYER + "layernorm_before", r"blocks/\1/norm1"),
    *rules.norm(LAYER + "layernorm_after", r"blocks/\1/norm2"),
    *rules.linear(LAYER + r"intermediate\.dense", r"blocks/\1/mlp/fc1"),
    *rules.linear(LAYER + r"output\.dense", r"blocks/\1/mlp/fc2"),
    *rules.norm("fc_norm", "norm"),
    *rules.linear("classifier", "head"),
]


def load(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh VideoMAE, a pure dict, from the arrays of a file.

    The head stays fresh if it is for another number of classes; the norm before it too, if the
    file is of a pretrained model, which had none. `origin` names the file in errors.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.
    """
    arrays = _whole(arrays)
    leaves = convert.by_name(params)
    found = rules.shapes_here(arrays, RULES)
    ignore, fresh = [*UNUSED], []
    if found.get("head/bias") != leaves["head/bias"].shape:
        ignore.append(r"classifier\.(weight|bias)")
        fresh.append("head/.*")
    if "norm/scale" not in found:
        fresh.append("norm/.*")
    return convert.convert(arrays, params, RULES, ignore=ignore, fresh=fresh, origin=origin)


def describe(arrays: Mapping[str, np.ndarray], said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `VideoMAEConfig` that a file tells, by its arrays and its config.json.

    Raises:
        KeyError, IndexError: if arrays are missing that tell them.
    """
    found = rules.shapes_here(_whole(arrays), RULES)
    pixels, dim = found["patch_embed/kernel"][1:], found["patch_embed/kernel"][0]
    fields = dict(
        dim=dim,
        depth=rules.blocks(list(found)),
        mlp_dim=found["blocks/0/mlp/fc1/bias"][0],
        tubelet_size=pixels[1],
        patch_size=pixels[2],
        num_heads=said.get("num_attention_heads", max(1, dim // 64)),
        epsilon=said.get("layer_norm_eps", 1e-12),
        num_frames=said.get("num_frames", 16),
        image_size=said.get("image_size", 224),
    )
    if "head/bias" in found:
        fields["num_classes"] = found["head/bias"][0]
    return fields


def owns(names: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays have the names of a VideoMAE's."""
    return any(re.fullmatch(TELLING, name) for name in names) and not any(
        name.endswith("attention.key.bias") or "cls_token" in name for name in names
    )


def refuse(said: Mapping[str, Any], origin: str) -> None:
    """Refuses what a config.json says of a model that computes something else.

    Raises:
        WeightsError: naming it.
    """
    if said.get("hidden_act", "gelu") != "gelu":
        raise read.WeightsError(f"{origin}: has hidden_act {said['hidden_act']}, and here is gelu")
    architectures = said.get("architectures") or []
    if "VideoMAEForVideoClassification" in architectures and not said.get("use_mean_pooling", True):
        raise read.WeightsError(
            f"{origin}: its head reads the first token (use_mean_pooling false), and here it reads "
            "the mean of all"
        )


def _whole(arrays):
    return rules.joined(arrays, ("query", "key", "value"), "qkv")
