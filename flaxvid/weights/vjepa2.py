"""V-JEPA 2's weights from Transformers' files: the encoder, and the attentive head if there is one.

params, report = vjepa2.load(read.read(path), params)
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import PyTree

from flaxvid.weights import convert, read, rules

LAYER = r"(?:vjepa2\.)?encoder\.layer\.(\d+)\."
POOLER = r"pooler\.self_attention_layers\.(\d+)\."
CROSS = r"pooler\.cross_attention_layer\."
UNUSED = (r"(vjepa2\.)?predictor\..*",)  # of pretraining
RULES = [
    *rules.tubelets(r"(?:vjepa2\.)?encoder\.embeddings\.patch_embeddings\.proj", "patch_embed"),
    *rules.norm(LAYER + r"norm(\d)", r"blocks/\1/norm\2"),
    *rules.linear(LAYER + r"attention\.qkv", r"blocks/\1/attn/qkv"),
    *rules.linear(LAYER + r"attention\.proj", r"blocks/\1/attn/proj"),
    *rules.linear(LAYER + r"mlp\.fc(\d)", r"blocks/\1/mlp/fc\2"),
    *rules.norm(r"(?:vjepa2\.)?encoder\.layernorm", "norm"),
    convert.Rule(r"pooler\.query_tokens", "head/pooler/query"),
    *rules.norm(POOLER + r"layer_norm(\d)", r"head/pooler/layers/\1/norm\2"),
    *rules.linear(POOLER + r"self_attn\.qkv", r"head/pooler/layers/\1/attn/qkv"),
    *rules.linear(POOLER + r"self_attn\.out_proj", r"head/pooler/layers/\1/attn/proj"),
    *rules.linear(POOLER + r"mlp\.fc(\d)", r"head/pooler/layers/\1/mlp/fc\2"),
    *rules.norm(CROSS + r"layer_norm(\d)", r"head/pooler/norm\1"),
    *rules.linear(CROSS + r"cross_attn\.q_proj", "head/pooler/to_query"),
    *rules.linear(CROSS + r"cross_attn\.kv", "head/pooler/to_key_value"),
    *rules.linear(CROSS + r"mlp\.fc(\d)", r"head/pooler/mlp/fc\1"),
    *rules.linear("classifier", "head/linear"),
]


def load(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh V-JEPA 2, a pure dict, from the arrays of a file.

    The last layer stays fresh if it is for another number of classes; the whole head, if the file
    is of a pretrained encoder. The predictor is left out. `origin` names the file in errors.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.
    """
    arrays = _whole(arrays)
    found, leaves = rules.shapes_here(arrays, RULES), convert.by_name(params)
    ignore, fresh = [*UNUSED], []
    if found.get("head/linear/bias") != leaves["head/linear/bias"].shape:
        ignore.append(r"classifier\.(weight|bias)")
        fresh.append("head/linear/.*")
    if "head/pooler/query" not in found:
        fresh.append("head/.*")
    return convert.convert(arrays, params, RULES, ignore=ignore, fresh=fresh, origin=origin)


def describe(arrays: Mapping[str, np.ndarray], said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `VJEPA2Config` that a file tells, by its arrays and its config.json.

    Raises:
        KeyError, IndexError: if arrays are missing that tell them.
    """
    found = rules.shapes_here(_whole(arrays), RULES)
    dim, _, tubelet_size, patch_size, _ = found["patch_embed/kernel"]
    names = [name for name in found if name.startswith("blocks/")]
    fields = dict(
        dim=dim,
        depth=rules.blocks(names),
        mlp_dim=found["blocks/0/mlp/fc1/bias"][0],
        tubelet_size=tubelet_size,
        patch_size=patch_size,
        num_heads=said.get("num_attention_heads", max(1, dim // 64)),
        num_frames=said.get("frames_per_clip", 64),
        image_size=said.get("crop_size", 256),
    )
    if "head/pooler/query" in found:
        pooled = [name for name in found if name.startswith("head/pooler/layers/")]
        fields["pooler_depth"] = rules.blocks(pooled, "head/pooler/layers/")
    if "head/linear/bias" in found:
        fields["num_classes"] = found["head/linear/bias"][0]
    return fields


def owns(names: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays have the names of a V-JEPA 2's."""
    return any(re.fullmatch(LAYER + r"attention\.(query|qkv)\.weight", name) for name in names)


def refuse(said: Mapping[str, Any], origin: str) -> None:
    """Refuses what a config.json says of a model that computes something else.

    Raises:
        WeightsError: naming it.
    """
    wanted = dict(hidden_act="gelu", layer_norm_eps=1e-6, qkv_bias=True)
    for name, value in wanted.items():
        if said.get(name, value) != value:
            raise read.WeightsError(f"{origin}: has {name} {said[name]}, and here is {value}")


def _whole(arrays):
    arrays = rules.joined(arrays, ("query", "key", "value"), "qkv")
    pooler = {name: array for name, array in arrays.items() if "self_attn" in name}
    others = {name: array for name, array in arrays.items() if "self_attn" not in name}
    others = rules.joined(others, ("k_proj", "v_proj"), "kv")
    return others | rules.joined(pooler, ("q_proj", "k_proj", "v_proj"), "qkv")
