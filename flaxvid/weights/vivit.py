"""ViViT's weights from Transformers' files, under its older names and its newer ones.

params, report = vivit.load(read.read(path), params, config=config, said=said)
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import PyTree

from flaxvid.models import vivit
from flaxvid.weights import convert, read, rules

# Until Transformers 5 layers were called `encoder.layer.N`; files are written so still.
OLD, NEW = r"(?:vivit\.)?encoder\.layer\.(\d+)\.", r"(?:vivit\.)?layers\.(\d+)\."
UNUSED = (r"(vivit\.)?pooler\.dense\.(weight|bias)",)
GELU_TANH = ("gelu_fast", "gelu_new", "gelu_pytorch_tanh")
RULES = [
    *rules.tubelets(r"(?:vivit\.)?embeddings\.patch_embeddings\.projection", "patch_embed"),
    convert.Rule(r"(?:vivit\.)?embeddings\.cls_token", "cls_token"),
    convert.Rule(r"(?:vivit\.)?embeddings\.position_embeddings", "pos_embed"),
    *rules.linear(OLD + r"attention\.attention\.qkv", r"blocks/\1/attn/qkv"),
    *rules.linear(OLD + r"attention\.output\.dense", r"blocks/\1/attn/proj"),
    *rules.linear(OLD + r"intermediate\.dense", r"blocks/\1/mlp/fc1"),
    *rules.linear(OLD + r"output\.dense", r"blocks/\1/mlp/fc2"),
    *rules.linear(NEW + r"attention\.qkv", r"blocks/\1/attn/qkv"),
    *rules.linear(NEW + r"attention\.o_proj", r"blocks/\1/attn/proj"),
    *rules.linear(NEW + r"mlp\.fc(\d)", r"blocks/\1/mlp/fc\2"),
    *rules.norm(OLD + "layernorm_before", r"blocks/\1/norm1"),
    *rules.norm(OLD + "layernorm_after", r"blocks/\1/norm2"),
    *rules.norm(NEW + "layernorm_before", r"blocks/\1/norm1"),
    *rules.norm(NEW + "layernorm_after", r"blocks/\1/norm2"),
    *rules.norm(r"(?:vivit\.)?layernorm", "norm"),
    *rules.linear("classifier", "head"),
]


def load(
    arrays: Mapping[str, np.ndarray],
    params: PyTree,
    *,
    config: vivit.ViViTConfig,
    said: Mapping[str, Any],
    origin: str = "the weights",
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh ViViT, a pure dict, from the arrays of a file.

    The head stays fresh if it is for another number of classes. Positions are resized to the
    model's frames and pixels, which the report says. `origin` names the file in errors.

    Args:
        arrays: of the file.
        params: of the model, or their shapes.
        config: the model's.
        said: what config.json says; without one, a grid is told by the number of positions.
        origin: name of the file.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.
    """
    arrays = _whole(arrays)
    found, leaves = rules.shapes_here(arrays, RULES), convert.by_name(params)
    ignore, fresh = [*UNUSED], []
    if found.get("head/bias") != leaves["head/bias"].shape:
        ignore.append(r"classifier\.(weight|bias)")
        fresh.append("head/.*")
    table = RULES
    if "pos_embed" in found and found["pos_embed"] != leaves["pos_embed"].shape:
        old = _grid(describe(arrays, said, origin=origin))
        how = rules.resized_positions(old, config.grid(), cls=1)
        note = f"resized from a grid of {old} to {config.grid()}"
        table = [
            dataclasses.replace(rule, transform=how, note=note)
            if rule.target == "pos_embed"
            else rule
            for rule in RULES
        ]
    return convert.convert(arrays, params, table, ignore=ignore, fresh=fresh, origin=origin)


def describe(
    arrays: Mapping[str, np.ndarray], said: Mapping[str, Any], *, origin: str = "the weights"
) -> dict[str, Any]:
    """The fields of `ViViTConfig` that a file tells, by its arrays and its config.json.

    Without what config.json says, frames are of 224 pixels.

    Raises:
        KeyError, IndexError: if arrays are missing that tell them.
        WeightsError: if there are not as many positions as tubelets.
    """
    found = rules.shapes_here(_whole(arrays), RULES)
    dim, _, tubelet_size, patch_size, _ = found["patch_embed/kernel"]
    positions = found["pos_embed"][1] - 1
    image_size = said.get("image_size", 224)
    fields = dict(
        dim=dim,
        depth=rules.blocks(list(found)),
        mlp_dim=found["blocks/0/mlp/fc1/bias"][0],
        tubelet_size=tubelet_size,
        patch_size=patch_size,
        num_heads=said.get("num_attention_heads", max(1, dim // 64)),
        image_size=image_size,
        num_frames=positions // max(1, (image_size // patch_size) ** 2) * tubelet_size,
    )
    if np.prod(_grid(fields)) != positions:
        raise read.WeightsError(
            f"{origin}: has {positions} positions, which are no whole frames of {image_size} pixels"
        )
    if "head/bias" in found:
        fields["num_classes"] = found["head/bias"][0]
    return fields


def owns(names: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays have the names of a ViViT's; an image ViT's kernels have no time."""
    telling = NEW + r"attention\.q_proj\.weight"
    old = OLD + r"attention\.attention\.(query|qkv)\.weight"
    kernel = "embeddings.patch_embeddings.projection.weight"
    tubelets = any(name.endswith(kernel) and names[name].ndim == 5 for name in names)
    cls = any("embeddings.cls_token" in name for name in names)
    vit = any(name.startswith(("vit.", "timesformer.")) for name in names)
    named = any(re.fullmatch(telling, n) or re.fullmatch(old, n) for n in names)
    return named and tubelets and cls and not vit


def refuse(said: Mapping[str, Any], origin: str) -> None:
    """Refuses what a config.json says of a model that computes something else.

    Raises:
        WeightsError: naming it.
    """
    if said.get("hidden_act", "gelu_fast") not in GELU_TANH:
        raise read.WeightsError(
            f"{origin}: has hidden_act {said['hidden_act']}, and here is the tanh form of gelu"
        )


def _grid(fields):
    side = fields["image_size"] // fields["patch_size"]
    return fields["num_frames"] // fields["tubelet_size"], side, side


def _whole(arrays):
    arrays = rules.joined(arrays, ("query", "key", "value"), "qkv")
    return rules.joined(arrays, ("q_proj", "k_proj", "v_proj"), "qkv")
