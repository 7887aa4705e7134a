"""VideoPrism's weights from its authors' `.npz` files of a Flax model.

params, report = videoprism.load(read.read(path), params, config=config)
"""

import re
from collections.abc import Mapping
from typing import Any

import einops
import numpy as np
from jaxtyping import Float, PyTree

from flaxvid.models import videoprism
from flaxvid.weights import convert, rules

ROOT = r"(?:params/)?(?:encoder/|vision_encoder/)?"
STACK = "{}_encoder/transformers_stack/x_layers"
POOLER = r"(?:params/)?atten_pooler/"
# Of the model of videos and texts: what stands beside its video encoder.
UNUSED = (r"(params/)?(text_encoder|auxiliary_encoder|contrastive_vision_pooler)/.*",)


def load(
    arrays: Mapping[str, np.ndarray],
    params: PyTree,
    *,
    config: videoprism.VideoPrismConfig,
    origin: str = "the weights",
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh VideoPrism, a pure dict, from the arrays of a file.

    The published files are of the encoder alone, so that the head stays fresh; of the authors'
    classifier, the pooler is taken, and the last layer if it is for as many classes. Positions are
    resized linearly to the model's frames and pixels, which the report says. `origin` names the
    file in errors.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.
    """
    arrays = _whole(arrays)
    found, leaves = rules.shapes_here(arrays, _rules({}, config)), convert.by_name(params)
    ignore, fresh = [*UNUSED], []
    if found.get("head/linear/bias") != leaves["head/linear/bias"].shape:
        ignore.append(r"(params/)?projection/.*")
        fresh.append("head/linear/.*")
    if "head/pooler/query" not in found:
        fresh.append("head/.*")
    table = _rules(found, config)
    return convert.convert(arrays, params, table, ignore=ignore, fresh=fresh, origin=origin)


def describe(arrays: Mapping[str, np.ndarray], said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `VideoPrismConfig` that a file tells; nothing else is beside it.

    Raises:
        KeyError, IndexError: if arrays are missing that tell them.
    """
    del said
    stacks = {
        part: _find(arrays, ROOT + STACK.format(part) + "/self_attention/query/w")
        for part in ("spatial", "temporal")
    }
    layers, dim, heads, _ = stacks["spatial"].shape
    patch_size = round((_find(arrays, ROOT + "patch_projection/linear/kernel").shape[0] / 3) ** 0.5)
    places = _find(arrays, ROOT + "spatial_pos_emb/emb_var").shape[0]
    fields = dict(
        dim=dim,
        depth=layers,
        time_depth=len(stacks["temporal"]),
        num_heads=heads,
        mlp_dim=_find(
            arrays, ROOT + STACK.format("spatial") + "/ff_layer/ffn_layer1/linear/bias"
        ).shape[1],
        patch_size=patch_size,
        image_size=patch_size * round(places**0.5),
        num_frames=_find(arrays, ROOT + "temporal_pos_emb/emb_var").shape[0],
    )
    head = [array for name, array in arrays.items() if name.endswith("projection/linear/bias")]
    classes = [array for array in head if len(array) != dim]
    if classes:
        fields["num_classes"] = len(classes[0])
    return fields


def owns(names: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays have the names of a VideoPrism's."""
    return any(re.fullmatch(ROOT + "spatial_pos_emb/emb_var", name) for name in names)


def _find(arrays, pattern):
    return next((array for name, array in arrays.items() if re.fullmatch(pattern, name)), None)


def _rules(found, config):
    """The table; positions are resized from those that were `found` to those of `config`."""

    def dense(source, target):
        return [convert.Rule(f"{source}/(kernel|bias)", rf"{target}/\1")]

    def norm(source, target):
        # Scales are told by how much they differ from 1.
        return [
            convert.Rule(f"{source}/scale", f"{target}/scale", lambda array: array + 1.0),
            convert.Rule(f"{source}/bias", f"{target}/bias"),
        ]

    layer, block = ROOT + r"blocks/(\d+)/", r"blocks/\1/"
    pooling = POOLER + "pooling_attention"
    return [
        *dense(ROOT + "patch_projection/linear", "patch_embed"),
        _resized(ROOT + "spatial_pos_emb/emb_var", "pos_embed", found, config),
        _resized(ROOT + "temporal_pos_emb/emb_var", "time_embed", found, config),
        *norm(ROOT + "spatial_ln", f"blocks/{config.depth - 1}/space_norm"),
        *norm(ROOT + "temporal_ln", "norm"),
        *norm(layer + "layer_norm", block + "norm1"),
        convert.Rule(layer + "self_attention/qkv/w", block + "attn/qkv/kernel"),
        convert.Rule(layer + "self_attention/qkv/b", block + "attn/qkv/bias"),
        convert.Rule(layer + "self_attention/post/w", block + "attn/proj/kernel", post_kernel),
        convert.Rule(layer + "self_attention/post/b", block + "attn/proj/bias"),
        *norm(layer + "ff_layer/layer_norm", block + "norm2"),
        convert.Rule(
            layer + r"ff_layer/ffn_layer(\d)/linear/(kernel|bias)", block + r"mlp/fc\2/\3"
        ),
        convert.Rule(POOLER + "pooling_attention_query", "head/pooler/query", lambda q: q[None]),
        convert.Rule(pooling + "/per_dim_scale/per_dim_scale", "head/pooler/scale"),
        convert.Rule(pooling + "/query/w", "head/pooler/to_query/kernel", heads_kernel),
        convert.Rule(pooling + "/query/b", "head/pooler/to_query/bias", np.ravel),
        convert.Rule(pooling + "/kv/w", "head/pooler/to_key_value/kernel"),
        convert.Rule(pooling + "/kv/b", "head/pooler/to_key_value/bias"),
        convert.Rule(pooling + "/post/w", "head/pooler/proj/kernel", post_kernel),
        convert.Rule(pooling + "/post/b", "head/pooler/proj/bias"),
        *norm(POOLER + "pooling_attention_layer_norm", "head/pooler/norm"),
        *dense("(?:params/)?projection/linear", "head/linear"),
    ]


def _resized(source, target, found, config):
    """The rule of the positions in space, or of those in time."""
    time, rows, columns = config.grid()
    old = found.get(target, (0,))[0]
    if target == "pos_embed":
        side = round(old**0.5)
        grids, wanted = ((1, side, side), (1, rows, columns)), rows * columns
    else:
        grids, wanted = ((old, 1, 1), (time, 1, 1)), time
    if old in (0, wanted):
        return convert.Rule(source, target, lambda array: array[None])
    resize = rules.resized_positions(*grids, method="linear")
    note = f"resized from {old} to {wanted}"
    return convert.Rule(source, target, lambda array: resize(array[None]), note=note)


def heads_kernel(
    kernel: Float[np.ndarray, "dim head head_dim"],
) -> Float[np.ndarray, "dim inner"]:
    """A projection to heads as the kernel of a linear layer."""
    return einops.rearrange(kernel, "dim head d -> dim (head d)")


def post_kernel(
    kernel: Float[np.ndarray, "dim head head_dim"],
) -> Float[np.ndarray, "inner dim"]:
    """The projection from heads, which is stored the other way round, as a linear layer's."""
    return einops.rearrange(kernel, "dim head d -> (head d) dim")


def _whole(arrays):
    """Stacked layers one by one, those over time after those over space; query, key, value one."""
    space, over_space = _unstacked(arrays, "spatial", 0)
    time, _ = _unstacked(arrays, "temporal", over_space)
    stacks = ROOT + STACK.format("(spatial|temporal)") + "/.*"
    rest = {name: array for name, array in arrays.items() if not re.fullmatch(stacks, name)}
    whole = _side_by_side(space | time | rest, "self_attention", ("query", "key", "value"), "qkv")
    return _side_by_side(whole, "pooling_attention", ("key", "value"), "kv")


def _unstacked(arrays, part, start):
    """The layers of a stack as `blocks/START`, `blocks/START+1`, ...; and the number after them."""
    pattern, found, end = f"({ROOT}){STACK.format(part)}/(.*)", {}, start
    for name, stacked in arrays.items():
        if match := re.fullmatch(pattern, name):
            for number, array in enumerate(stacked, start):
                found[f"{match[1]}blocks/{number}/{match[2]}"] = array
            end = start + len(stacked)
    return found, end


def _side_by_side(arrays, layer, parts, whole):
    """Projections to heads, `dim head head_dim`, as one linear layer's."""
    found = dict(arrays)
    for name in arrays:
        if not name.endswith(f"{layer}/{parts[0]}/w"):
            continue
        stem = name.removesuffix(f"{parts[0]}/w")
        if all(f"{stem}{part}/{leaf}" in found for part in parts for leaf in "wb"):
            kernels = [heads_kernel(found.pop(f"{stem}{part}/w")) for part in parts]
            biases = [np.ravel(found.pop(f"{stem}{part}/b")) for part in parts]
            found[f"{stem}{whole}/w"] = np.concatenate(kernels, axis=1)
            found[f"{stem}{whole}/b"] = np.concatenate(biases)
    return found
